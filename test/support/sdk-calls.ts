/** Every call of the SDK's client once, and what it sends: the compiler says when one is missing here. */
import { type Client, createClient } from '../../packages/client/src/index.ts';

const calls: { readonly [Name in keyof Client]: (client: Client) => unknown } = {
  models: (client) => client.models(),
  conversations: (client) => client.conversations({ q: 'x' }),
  createConversation: (client) => client.createConversation({}),
  conversation: (client) => client.conversation('one'),
  updateConversation: (client) => client.updateConversation('one', {}),
  updateMembership: (client) => client.updateMembership('one', {}),
  deleteConversation: (client) => client.deleteConversation('one'),
  // An address for a browser to go to.
  exportUrl: (client) => record(client.exportUrl('one', 'json')),
  history: (client) => client.history('one'),
  postMessage: (client) => client.postMessage('one', { text: 'x' }),
  editMessage: (client) => client.editMessage('one', { text: 'x' }),
  regenerate: (client) => client.regenerate('one'),
  continueAnswer: (client) => client.continueAnswer('one'),
  run: (client) => client.run('one'),
  cancel: (client) => client.cancel('one'),
  members: (client) => client.members('one'),
  updateMember: (client) => client.updateMember('one', 'other', 'reader'),
  removeMember: (client) => client.removeMember('one', 'other'),
  leave: (client) => client.leave('one'),
  invite: (client) => client.invite('one', { role: 'reader' }),
  invitations: (client) => client.invitations('one'),
  revokeInvitation: (client) => client.revokeInvitation('one', 'other'),
  invitation: (client) => client.invitation('one'),
  acceptInvitation: (client) => client.acceptInvitation('one'),
  makePublic: (client) => client.makePublic('one'),
  publicLink: (client) => client.publicLink('one'),
  makePrivate: (client) => client.makePrivate('one'),
  shared: (client) => client.shared('one'),
  me: (client) => client.me(),
  updateMe: (client) => client.updateMe({}),
  register: (client) => client.register({ email: 'a@example.com', password: 'x'.repeat(12) }),
  login: (client) => client.login({ email: 'a@example.com', password: 'x' }),
  guest: (client) => client.guest(),
  logout: (client) => client.logout(),
  changePassword: (client) => client.changePassword({ current: 'x', password: 'x'.repeat(12) }),
  sessions: (client) => client.sessions(),
  endSession: (client) => client.endSession('one'),
  apiKeys: (client) => client.apiKeys(),
  createApiKey: (client) => client.createApiKey({ name: 'x' }),
  revokeApiKey: (client) => client.revokeApiKey('one'),
  usage: (client) => client.usage(),
  ticket: (client) => client.ticket('one'),
  users: (client) => client.users(),
  updateUser: (client) => client.updateUser('one', {}),
  queue: (client) => client.queue(),
  followRun: async (client) => {
    await client.followRun('one').next();
    // What is behind a public link is followed by the address that its runs come with.
    await client.followRun({ eventsUrl: '/api/shared/one/runs/other/events' }).next();
  },
  // These have no end; a refusal ends them.
  events: (client) =>
    client
      .events()
      .next()
      .catch(() => {}),
};

let sent: string[] = [];

const record: typeof fetch = (input, init) => {
  const { pathname } = new URL(String(input), 'http://localhost');
  sent.push(`${init?.method ?? 'GET'} ${pathname}`);
  // For the events of a run 204 is the end.
  return Promise.resolve(new Response(null, { status: pathname === '/api/events' ? 404 : 204 }));
};

/** What each call sends, as `GET /api/conversations/one`. */
export async function allRequests(): Promise<{ call: string; requests: readonly string[] }[]> {
  const client = createClient({ fetch: record });
  const all = [];
  for (const [call, make] of Object.entries(calls)) {
    sent = [];
    await make(client);
    all.push({ call, requests: sent });
  }
  return all;
}
