/** Who asks: accounts, sessions, API keys, tickets, administration (docs/PROTOCOL.md, sections 7 and 13). */

import { apiPath, type CallOptions, type Http, queryOf } from './http.ts';
import type {
  AdminUser,
  AdminUserPage,
  ApiKeyList,
  ChangeMe,
  ChangePassword,
  ChangeUser,
  CreateApiKey,
  CreatedApiKey,
  CurrentUser,
  LogIn,
  OpenedSession,
  QueueState,
  Register,
  SessionList,
  Ticket,
  UsageReport,
} from './wire.ts';

export interface AccountsApi {
  me(options?: CallOptions): Promise<CurrentUser>;
  updateMe(changes: ChangeMe, options?: CallOptions): Promise<CurrentUser>;
  /** Makes an account; a guest who is signed in becomes it. */
  register(account: Register, options?: CallOptions): Promise<OpenedSession>;
  login(account: LogIn, options?: CallOptions): Promise<OpenedSession>;
  /** Begins as a guest. `session`: `cookie` (the default, for browsers) or `token` (in the answer). */
  guest(session?: 'cookie' | 'token', options?: CallOptions): Promise<OpenedSession>;
  /** Ends this session. */
  logout(options?: CallOptions): Promise<void>;
  /** All other sessions end. */
  changePassword(change: ChangePassword, options?: CallOptions): Promise<void>;
  sessions(options?: CallOptions): Promise<SessionList>;
  endSession(sessionId: string, options?: CallOptions): Promise<void>;
  apiKeys(options?: CallOptions): Promise<ApiKeyList>;
  /** The key is in the answer, and shown only then. */
  createApiKey(key: CreateApiKey, options?: CallOptions): Promise<CreatedApiKey>;
  revokeApiKey(apiKeyId: string, options?: CallOptions): Promise<void>;
  /** Tokens by day and model, and what is left of today's. `from`, `to`: days (UTC), `2026-11-21`; default: the last 30. */
  usage(days?: { from?: string; to?: string }, options?: CallOptions): Promise<UsageReport>;
  /** Opens the event stream of one run to who can send neither cookie nor header; for ten minutes. */
  ticket(runId: string, options?: CallOptions): Promise<Ticket>;
  /** For administrators. */
  users(
    page?: { cursor?: string; limit?: number; q?: string },
    options?: CallOptions,
  ): Promise<AdminUserPage>;
  /** For administrators. */
  updateUser(userId: string, changes: ChangeUser, options?: CallOptions): Promise<AdminUser>;
  /** What waits, and which workers live. For administrators. */
  queue(options?: CallOptions): Promise<QueueState>;
}

export function createAccountsApi(http: Http): AccountsApi {
  return {
    me: (call) => http.get('/api/me', call),
    updateMe: (changes, call) => http.patch('/api/me', changes, call),
    register: (account, call) => http.post('/api/auth/register', account, call),
    login: (account, call) => http.post('/api/auth/login', account, call),
    guest: (session, call) => http.post('/api/auth/guest', { session }, call),
    logout: (call) => http.post('/api/auth/logout', null, call),
    changePassword: (change, call) => http.put('/api/me/password', change, call),
    sessions: (call) => http.get('/api/me/sessions', call),
    endSession: (id, call) => http.delete(apiPath`/api/me/sessions/${id}`, call),
    apiKeys: (call) => http.get('/api/me/api-keys', call),
    createApiKey: (key, call) => http.post('/api/me/api-keys', key, call),
    revokeApiKey: (id, call) => http.delete(apiPath`/api/me/api-keys/${id}`, call),
    usage: (days = {}, call) => http.get(`/api/me/usage${queryOf(days)}`, call),
    ticket: (runId, call) => http.post(apiPath`/api/runs/${runId}/tickets`, null, call),
    users: (page = {}, call) => http.get(`/api/admin/users${queryOf(page)}`, call),
    updateUser: (userId, changes, call) => http.patch(apiPath`/api/admin/users/${userId}`, changes, call),
    queue: (call) => http.get('/api/admin/queue', call),
  };
}
