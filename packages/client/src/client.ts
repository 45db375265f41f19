import { type AccountsApi, createAccountsApi } from './accounts-api.ts';
import { type ConversationsApi, createConversationsApi } from './conversations-api.ts';
import { type FollowEventsOptions, followEvents, type ReceivedLiveEvent } from './follow-events.ts';
import { type FollowRunOptions, followRun } from './follow-run.ts';
import { apiPath, type ClientOptions, createHttp } from './http.ts';
import type { ReceivedEvent } from './received-event.ts';
import { createSharingApi, type SharingApi } from './sharing-api.ts';
import type { RunView } from './wire.ts';

/**
 * The native API, typed. Every call repeats itself after network failures, 408, 425, 5xx and a `rate_limited` that is soon
 * over, and rejects with ProblemError (the server refused; `unauthenticated`: nobody is signed in any more),
 * UnreachableError (no readable answer) or the reason of an aborted `signal`.
 */
export interface Client extends AccountsApi, ConversationsApi, SharingApi {
  /** The events of a run, of which the id is enough, each once and in order; see `followRun`. */
  followRun(
    run: string | Pick<RunView, 'eventsUrl'>,
    options?: Omit<FollowRunOptions, 'fetch'>,
  ): AsyncGenerator<ReceivedEvent, void, undefined>;
  /** Everything that happens in the user's conversations; see `followEvents`. */
  events(options?: Omit<FollowEventsOptions, 'fetch'>): AsyncGenerator<ReceivedLiveEvent, void, undefined>;
}

/** Makes a client. It opens nothing and holds nothing open. */
export function createClient(options: ClientOptions = {}): Client {
  const http = createHttp(options);
  return {
    ...createAccountsApi(http),
    ...createConversationsApi(http),
    ...createSharingApi(http),
    followRun: (run, follow = {}) =>
      followRun(http.address(typeof run === 'string' ? apiPath`/api/runs/${run}/events` : run.eventsUrl), {
        ...follow,
        fetch: http.fetch,
        backoff: follow.backoff ?? http.createBackoff?.(),
      }),
    events: (follow = {}) =>
      followEvents(http.address('/api/events'), {
        ...follow,
        fetch: http.fetch,
        backoff: follow.backoff ?? http.createBackoff?.(),
      }),
  };
}
