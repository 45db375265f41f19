/** Conversations, messages and runs (docs/PROTOCOL.md, sections 1, 2, 5 and 8). */
import { apiPath, type CallOptions, type Http, type PostOptions, queryOf } from './http.ts';
import type {
  AcceptedMessage,
  AcceptedRun,
  ChangeConversation,
  ChangeMembership,
  Conversation,
  ConversationPage,
  CreateConversation,
  ExportQuery,
  History,
  ModelList,
  PostMessage,
  Regenerate,
  RunView,
} from './wire.ts';

/** `limit`: how many at most; `cursor`: the former `nextCursor`; `q`: words to look for in titles and messages. */
export interface ConversationQuery {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  readonly q?: string | undefined;
  readonly archived?: boolean | undefined;
  readonly pinned?: boolean | undefined;
}

export interface ConversationsApi {
  models(options?: CallOptions): Promise<ModelList>;
  /** One page of conversations, the one that changed last first; with `q`, each with what was found in it. */
  conversations(query?: ConversationQuery, options?: CallOptions): Promise<ConversationPage>;
  createConversation(body: CreateConversation, options?: PostOptions): Promise<Conversation>;
  conversation(conversationId: string, options?: CallOptions): Promise<Conversation>;
  updateConversation(
    conversationId: string,
    changes: ChangeConversation,
    options?: CallOptions,
  ): Promise<Conversation>;
  /** Pins or archives it, for this user alone. */
  updateMembership(
    conversationId: string,
    changes: ChangeMembership,
    options?: CallOptions,
  ): Promise<Conversation>;
  /** For all its members; its runs are stopped. */
  deleteConversation(conversationId: string, options?: CallOptions): Promise<void>;
  /** Where a browser downloads all branches (json), or the one that is shown (markdown). */
  exportUrl(conversationId: string, format: NonNullable<ExportQuery['format']>): string;
  /** The messages of the current branch, and the runs that have not ended. */
  history(conversationId: string, options?: CallOptions): Promise<History>;
  /**
   * Resolves once the message is stored and will be answered, whatever fails from then on. `whenBusy` says what becomes
   * of it while the conversation is being answered: `queue` (the default), `reject`, `interrupt`.
   */
  postMessage(conversationId: string, body: PostMessage, options?: PostOptions): Promise<AcceptedMessage>;
  /** Stores another version of a user's message beside it and has it answered. */
  editMessage(messageId: string, body: PostMessage, options?: PostOptions): Promise<AcceptedMessage>;
  /** Answers the prompt of this assistant message (or this user's message) anew, on a branch of its own. */
  regenerate(messageId: string, body?: Regenerate, options?: PostOptions): Promise<AcceptedRun>;
  /** Answers once more, beginning with the text of this assistant message, and goes on from there, on a branch of its own. */
  continueAnswer(messageId: string, body?: Regenerate, options?: PostOptions): Promise<AcceptedRun>;
  run(runId: string, options?: CallOptions): Promise<RunView>;
  /** Stops a run. It will end as `cancelled`, or had already ended; its events tell when. */
  cancel(runId: string, options?: CallOptions): Promise<RunView>;
}

export function createConversationsApi(http: Http): ConversationsApi {
  const one = (id: string) => apiPath`/api/conversations/${id}`;
  return {
    models: (call) => http.get('/api/models', call),
    conversations: (query = {}, call) => http.get(`/api/conversations${queryOf({ ...query })}`, call),
    createConversation: (body, call) => http.post('/api/conversations', body, call),
    conversation: (id, call) => http.get(one(id), call),
    updateConversation: (id, changes, call) => http.patch(one(id), changes, call),
    updateMembership: (id, changes, call) => http.patch(`${one(id)}/membership`, changes, call),
    deleteConversation: (id, call) => http.delete(one(id), call),
    exportUrl: (id, format) => http.address(`${one(id)}/export${queryOf({ format })}`),
    history: (id, call) => http.get(`${one(id)}/messages`, call),
    postMessage: (id, body, call) => http.post(`${one(id)}/messages`, body, call),
    editMessage: (id, body, call) => http.post(apiPath`/api/messages/${id}/edit`, body, call),
    regenerate: (id, body = {}, call) => http.post(apiPath`/api/messages/${id}/regenerate`, body, call),
    continueAnswer: (id, body = {}, call) => http.post(apiPath`/api/messages/${id}/continue`, body, call),
    run: (id, call) => http.get(apiPath`/api/runs/${id}`, call),
    cancel: (id, call) => http.post(apiPath`/api/runs/${id}/cancel`, null, call),
  };
}
