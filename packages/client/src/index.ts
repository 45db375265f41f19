/** The public face of the client: ask, follow, resume. Its wire is docs/PROTOCOL.md. */

export type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
export { type Answer, applyEvent, emptyAnswer } from './apply-event.ts';
export { type Backoff, type BackoffOptions, createBackoff } from './backoff.ts';
export type { Client } from './client.ts';
export { createClient } from './client.ts';
export type { ConversationQuery } from './conversations-api.ts';
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
export type * from './wire.ts';
