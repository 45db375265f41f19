import type {
  AcceptedMessage,
  acceptedRunSchema,
  Conversation,
  CreateConversation,
  conversationPageSchema,
  History,
  modelListSchema,
  PostMessage,
  Regenerate,
  RunView,
  User,
} from '@holdfast/shared/http/schemas.ts';
import type { Backoff } from './backoff.ts';
import { type FollowOptions, followRun } from './follow-run.ts';
import { newIdempotencyKey } from './idempotency-key.ts';
import type { ReceivedEvent } from './received-event.ts';
import { request } from './request.ts';

export type ConversationPage = ReturnType<(typeof conversationPageSchema)['parse']>;
export type ModelList = ReturnType<(typeof modelListSchema)['parse']>;
export type AcceptedRun = ReturnType<(typeof acceptedRunSchema)['parse']>;

export interface ClientOptions {
  /** Where the API is, without a trailing slash, for example `https://chat.example`. Default: the page's own origin. */
  readonly baseUrl?: string | undefined;
  /** Sends all requests; wrap it to add credentials. Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** Makes the back-off of each request and each followed run. */
  readonly createBackoff?: (() => Backoff) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PostOptions extends CallOptions {
  /**
   * Names what is meant, so that it happens once however often it is sent. Keep it where a reload finds it to send
   * again later; without one, a new key covers the retries of this call only.
   */
  readonly idempotencyKey?: string | undefined;
}

/**
 * The native API, typed. Every call repeats itself after network failures, 408, 425, 429 and 5xx, and rejects with
 * ProblemError (the server refused), UnreachableError (no readable answer) or the reason of an aborted `signal`.
 */
export interface Client {
  me(options?: CallOptions): Promise<User>;
  models(options?: CallOptions): Promise<ModelList>;
  /** One page of conversations, the most recent first. `limit`: how many at most; `cursor`: the former `nextCursor`. */
  conversations(page?: { cursor?: string; limit?: number }, options?: CallOptions): Promise<ConversationPage>;
  createConversation(body: CreateConversation, options?: PostOptions): Promise<Conversation>;
  /** The messages of the current branch, and the run to follow when one is being answered. */
  history(conversationId: string, options?: CallOptions): Promise<History>;
  /** Resolves once the message is stored and will be answered, whatever fails from then on. */
  postMessage(conversationId: string, body: PostMessage, options?: PostOptions): Promise<AcceptedMessage>;
  /** Answers the prompt of this assistant message anew, on a branch of its own. */
  regenerate(messageId: string, body?: Regenerate, options?: PostOptions): Promise<AcceptedRun>;
  run(runId: string, options?: CallOptions): Promise<RunView>;
  /** Stops a run. It will end as `cancelled`, or had already ended; its events tell when. */
  cancel(runId: string, options?: CallOptions): Promise<RunView>;
  /** The events of a run; see `followRun`. */
  follow(
    run: Pick<RunView, 'eventsUrl'>,
    options?: Omit<FollowOptions, 'fetch'>,
  ): AsyncGenerator<ReceivedEvent, void, undefined>;
}

/** Makes a client. It opens nothing and holds nothing open. */
export function createClient(options: ClientOptions = {}): Client {
  const { baseUrl = '', createBackoff } = options;
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const id = encodeURIComponent;

  const get = <T>(path: string, call: CallOptions = {}) =>
    request<T>(baseUrl + path, { cache: 'no-store' }, { fetch: send, createBackoff, signal: call.signal });

  const post = <T>(path: string, body: object | null, call: PostOptions = {}) => {
    const headers: Record<string, string> = { 'idempotency-key': call.idempotencyKey ?? newIdempotencyKey() };
    const init: RequestInit = { method: 'POST', headers };
    if (body !== null) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    return request<T>(baseUrl + path, init, { fetch: send, createBackoff, signal: call.signal });
  };

  return {
    me: (call) => get('/api/me', call),
    models: (call) => get('/api/models', call),
    conversations(page = {}, call) {
      const query = new URLSearchParams();
      if (page.cursor !== undefined) query.set('cursor', page.cursor);
      if (page.limit !== undefined) query.set('limit', String(page.limit));
      return get(`/api/conversations${query.size > 0 ? `?${query}` : ''}`, call);
    },
    createConversation: (body, call) => post('/api/conversations', body, call),
    history: (conversationId, call) => get(`/api/conversations/${id(conversationId)}/messages`, call),
    postMessage: (conversationId, body, call) =>
      post(`/api/conversations/${id(conversationId)}/messages`, body, call),
    regenerate: (messageId, body = {}, call) => post(`/api/messages/${id(messageId)}/regenerate`, body, call),
    run: (runId, call) => get(`/api/runs/${id(runId)}`, call),
    cancel: (runId, call) => post(`/api/runs/${id(runId)}/cancel`, null, call),
    follow(run, follow = {}) {
      // The server writes a path; an absolute address (another host for streams) is taken as it is.
      const url = run.eventsUrl.startsWith('/') ? baseUrl + run.eventsUrl : run.eventsUrl;
      return followRun(url, { ...follow, fetch: send, backoff: follow.backoff ?? createBackoff?.() });
    },
  };
}
