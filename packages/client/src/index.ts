/** The public face of the client: ask, follow, resume. Its wire is docs/PROTOCOL.md. */

export type {
  AcceptedMessage,
  Conversation,
  CreateConversation,
  History,
  Message,
  PostMessage,
  Problem,
  Regenerate,
  RunView,
  User,
} from '@holdfast/shared/http/schemas.ts';
export { type Answer, applyEvent, emptyAnswer } from './apply-event.ts';
export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
export {
  type AcceptedRun,
  type CallOptions,
  type Client,
  type ClientOptions,
  type ConversationPage,
  createClient,
  type ModelList,
  type PostOptions,
} from './client.ts';
export { ProblemError, UnreachableError } from './errors.ts';
export { type FollowOptions, type FollowState, followRun } from './follow-run.ts';
export { newIdempotencyKey } from './idempotency-key.ts';
export type { ReceivedEvent, UnknownEvent } from './received-event.ts';
