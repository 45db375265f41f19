/** What is sent for each line of the table: paths with the ids of a scene, bodies, and queries. */
import type { Asker, Scene } from './scene.ts';
import type { Row } from './table.ts';

export const password = 'correct horse battery';

interface Sent {
  readonly body?: unknown;
  /** Added to the address. */
  readonly query?: (scene: Scene) => string;
  /** Values for the path's parameters, where they are not the usual ones of this kind of route. */
  readonly params?: (scene: Scene) => Readonly<Record<string, string>>;
}

const loginOf = (email: string) => ({ email, password, session: 'token' });
const waiting: Sent = { params: (scene) => ({ id: scene.waitingRunId }) };
const revokedLink: Sent = {
  params: ({ revokedLinkToken, runId }) => ({ token: revokedLinkToken, runId }),
};

/** By the names of lines; those that are not here send nothing but their path. `{…}` in a body: see `fill`. */
const sent: Readonly<Record<string, Sent>> = {
  'POST /api/auth/register': { body: loginOf('{new}@example.com') },
  'POST /api/auth/login (an unknown account)': { body: loginOf('{new}@example.com') },
  "POST /api/auth/login (the reader's account)": { body: loginOf('{reader}@example.com') },
  'POST /api/auth/login (a disabled account)': { body: loginOf('{disabled}@example.com') },
  'POST /api/auth/guest': { body: { session: 'token' } },
  'PATCH /api/me': { body: { name: 'Another name' } },
  'PUT /api/me/password': { body: { current: password, password: 'another password' } },
  'DELETE /api/me/sessions/:id': { params: (scene) => ({ id: scene.sessionId }) },
  'POST /api/me/api-keys': { body: { name: 'a new key' } },
  'DELETE /api/me/api-keys/:id': { params: (scene) => ({ id: scene.apiKeyId }) },
  'POST /api/conversations': { body: {} },
  'GET /api/conversations (a search)': { query: () => 'q=bowline' },
  'PATCH /api/conversations/:id': { body: { title: 'Other knots' } },
  'PATCH /api/conversations/:id/membership': { body: { pinned: true } },
  'GET /api/conversations/:id/export': { query: () => 'format=json' },
  'POST /api/conversations/:id/messages': { body: { text: 'And which one is pretty?' } },
  'POST /api/messages/:id/edit': { body: { text: 'Which knot is quick?' } },
  'POST /api/messages/:id/continue': { params: (scene) => ({ id: scene.answerId }) },
  'POST /api/runs/:id/cancel (waiting)': waiting,
  'GET /api/runs/:id/events (waiting)': waiting,
  'PATCH /api/conversations/:id/members/:userId': { body: { role: 'writer' } },
  'POST /api/conversations/:id/invitations': { body: { role: 'reader' } },
  'GET /api/shared/:token (a revoked link)': revokedLink,
  'GET /api/shared/:token/runs/:runId/events (a revoked link)': revokedLink,
  'GET /api/shared/:token/runs/:runId/events (waiting)': {
    params: ({ linkToken, waitingRunId }) => ({ token: linkToken, runId: waitingRunId }),
  },
  'GET /api/events (of a conversation)': { query: (scene) => `follow=${scene.conversationId}` },
  'PATCH /api/admin/users/:id': { body: { limits: {} } },
};

/** The lines that something is sent for. */
export const linesWithRequest: readonly string[] = Object.keys(sent);

/** Whether this line sends a body. */
export const hasBody = ({ name }: Row): boolean => sent[name]?.body !== undefined;

/** The values of a path's parameters, by the kind of route. */
function usualParams(path: string, scene: Scene): Readonly<Record<string, string>> {
  const { invitationId, invitationToken, linkToken, runId } = scene;
  if (path.startsWith('/api/messages/')) return { id: scene.questionId };
  if (path.startsWith('/api/runs/')) return { id: runId };
  if (path.startsWith('/api/admin/users/')) return { id: scene.userIds.reader };
  if (path.startsWith('/api/invitations/')) return { token: invitationToken };
  if (path.startsWith('/api/shared/')) return { token: linkToken, runId };
  return { id: scene.conversationId, userId: scene.userIds.reader, invitationId };
}

export interface Target {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON, or undefined. */
  readonly body: string | undefined;
}

/** The request of a line, as `asker`; `other` replaces parameters of the path. */
export function target(
  row: Row,
  scene: Scene,
  asker: Asker,
  other: Readonly<Record<string, string>> = {},
): Target {
  const [method = '', pattern = ''] = row.route.split(' ');
  const { body, query, params = (of: Scene) => usualParams(pattern, of) } = sent[row.name] ?? {};
  const values = { ...params(scene), ...other };
  const path = pattern.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? `no-${name}`);
  const { bearer, ticket } = scene.credentials[asker];
  const search = [query?.(scene), ticket && `ticket=${ticket}`].filter(Boolean).join('&');
  return {
    method,
    path: search === '' ? path : `${path}?${search}`,
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : fill(JSON.stringify(body), scene, asker),
  };
}

/** `{new}`: what is nobody's email address yet; `{reader}`, `{disabled}`: as the scene has theirs. */
function fill(body: string, { conversationId, userIds }: Scene, asker: Asker): string {
  return body
    .replace('{new}', `${asker.toLowerCase()}-${conversationId}`)
    .replace('{reader}', userIds.reader)
    .replace('{disabled}', userIds.disabled);
}
