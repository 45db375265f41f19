/** The public face of the client: ask, follow, resume. Its wire is docs/PROTOCOL.md. */

export type { ChangeConversation, ChangeMembership } from '@holdfast/shared/http/conversations.ts';
export type {
  AcceptedMessage,
  Conversation,
  CreateConversation,
  CurrentUser,
  FoundConversation,
  History,
  Message,
  PostMessage,
  Problem,
  Regenerate,
  RunView,
} from '@holdfast/shared/http/schemas.ts';
export type {
  CreateInvitation,
  Invitation,
  InvitationPreview,
  Member,
  SharedConversation,
} from '@holdfast/shared/http/sharing.ts';
export type { UsageReport } from '@holdfast/shared/http/usage.ts';
export type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
export type { LogIn, OpenedSession, Register, Ticket } from './accounts-api.ts';
export { type Answer, applyEvent, emptyAnswer } from './apply-event.ts';
export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
export type { Client } from './client.ts';
export { createClient } from './client.ts';
export type {
  AcceptedRun,
  ConversationPage,
  ConversationQuery,
  ModelList,
} from './conversations-api.ts';
export { ProblemError, UnreachableError } from './errors.ts';
export {
  type FollowEventsOptions,
  followEvents,
  type LiveEvent,
  type ReceivedLiveEvent,
} from './follow-events.ts';
export { type FollowOptions, type FollowRunOptions, type FollowState, followRun } from './follow-run.ts';
export type { CallOptions, ClientOptions, PostOptions } from './http.ts';
export { newIdempotencyKey } from './idempotency-key.ts';
export type { ReceivedEvent, UnknownEvent } from './received-event.ts';
export { type SharedEvents, type ShareEventsOptions, shareEvents } from './share-events.ts';
export type { KeptEvents } from './share-known-answers.ts';
export type { CreatedInvitation, InvitationList, MemberList, PublicLink } from './sharing-api.ts';
