/** Every call of the client, by the line that docs/PROTOCOL.md has for it. */
import { expect, test } from 'vitest';
import { createBackoff, createClient } from '../../packages/client/src/index.ts';
import { type SeenRequest, serve } from './client-server.ts';

const clientOf = (baseUrl: string) =>
  createClient({ baseUrl, createBackoff: () => createBackoff({ baseMs: 0, capMs: 1 }) });

/** What was sent, one line each. */
const linesOf = (seen: readonly SeenRequest[]) =>
  seen.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

test('each call about conversations goes where the protocol says', async () => {
  await using server = await serve((response) => response.writeHead(200).end('{}'));
  const client = clientOf(server.url);
  await client.models();
  await client.conversations();
  await client.conversations({ cursor: 'a b', limit: 20, archived: true, pinned: false, q: 'ä&b' });
  await client.createConversation({ title: 'T' });
  await client.conversation('c/d');
  await client.updateConversation('c', { title: null, leafId: 'm' });
  await client.updateMembership('c', { pinned: true });
  await client.deleteConversation('c');
  await client.history('c');
  await client.postMessage('c', { text: 'x', whenBusy: 'interrupt' });
  await client.editMessage('m', { text: 'y' });
  await client.regenerate('m');
  await client.continueAnswer('m');
  await client.run('r');
  await client.cancel('r');
  expect(client.exportUrl('c', 'markdown')).toBe(`${server.url}/api/conversations/c/export?format=markdown`);
  expect(linesOf(server.seen)).toEqual([
    'GET /api/models',
    'GET /api/conversations',
    'GET /api/conversations?cursor=a+b&limit=20&archived=true&pinned=false&q=%C3%A4%26b',
    'POST /api/conversations {"title":"T"}',
    'GET /api/conversations/c%2Fd',
    'PATCH /api/conversations/c {"title":null,"leafId":"m"}',
    'PATCH /api/conversations/c/membership {"pinned":true}',
    'DELETE /api/conversations/c',
    'GET /api/conversations/c/messages',
    'POST /api/conversations/c/messages {"text":"x","whenBusy":"interrupt"}',
    'POST /api/messages/m/edit {"text":"y"}',
    'POST /api/messages/m/regenerate {}',
    'POST /api/messages/m/continue {}',
    'GET /api/runs/r',
    'POST /api/runs/r/cancel',
  ]);
});

test('each call about accounts goes where the protocol says', async () => {
  await using server = await serve((response) => response.writeHead(200).end('{}'));
  const client = clientOf(server.url);
  await client.register({ email: 'a@b.example', password: 'correct horse' });
  await client.login({ email: 'a@b.example', password: 'correct horse', session: 'token' });
  await client.guest();
  await client.guest('token');
  await client.logout();
  await client.me();
  await client.updateMe({ name: 'A' });
  await client.changePassword({ current: 'correct horse', password: 'battery staple' });
  await client.sessions();
  await client.endSession('s');
  await client.apiKeys();
  await client.createApiKey({ name: 'k' });
  await client.revokeApiKey('k');
  await client.usage();
  await client.usage({ from: '2026-11-01', to: '2026-11-21' });
  await client.ticket('r');
  await client.users({ q: 'a' });
  await client.updateUser('u', { disabled: true });
  expect(linesOf(server.seen)).toEqual([
    'POST /api/auth/register {"email":"a@b.example","password":"correct horse"}',
    'POST /api/auth/login {"email":"a@b.example","password":"correct horse","session":"token"}',
    'POST /api/auth/guest {}',
    'POST /api/auth/guest {"session":"token"}',
    'POST /api/auth/logout',
    'GET /api/me',
    'PATCH /api/me {"name":"A"}',
    'PUT /api/me/password {"current":"correct horse","password":"battery staple"}',
    'GET /api/me/sessions',
    'DELETE /api/me/sessions/s',
    'GET /api/me/api-keys',
    'POST /api/me/api-keys {"name":"k"}',
    'DELETE /api/me/api-keys/k',
    'GET /api/me/usage',
    'GET /api/me/usage?from=2026-11-01&to=2026-11-21',
    'POST /api/runs/r/tickets',
    'GET /api/admin/users?q=a',
    'PATCH /api/admin/users/u {"disabled":true}',
  ]);
});

test('each call about sharing goes where the protocol says', async () => {
  await using server = await serve((response) => response.writeHead(200).end('{}'));
  const client = clientOf(server.url);
  await client.members('c');
  await client.updateMember('c', 'u', 'reader');
  await client.removeMember('c', 'u');
  await client.leave('c');
  await client.invite('c', { role: 'writer' });
  await client.invitations('c');
  await client.revokeInvitation('c', 'i');
  await client.invitation('hfi_x');
  await client.acceptInvitation('hfi_x');
  await client.makePublic('c');
  await client.publicLink('c');
  await client.makePrivate('c');
  await client.shared('../me');
  expect(linesOf(server.seen)).toEqual([
    'GET /api/conversations/c/members',
    'PATCH /api/conversations/c/members/u {"role":"reader"}',
    'DELETE /api/conversations/c/members/u',
    'POST /api/conversations/c/leave',
    'POST /api/conversations/c/invitations {"role":"writer"}',
    'GET /api/conversations/c/invitations',
    'DELETE /api/conversations/c/invitations/i',
    'GET /api/invitations/hfi_x',
    'POST /api/invitations/hfi_x/accept',
    'PUT /api/conversations/c/public-link',
    'GET /api/conversations/c/public-link',
    'DELETE /api/conversations/c/public-link',
    'GET /api/shared/..%2Fme',
  ]);
});
