/** As much of the API as chats and lists of the SDK ask for, answering what a test says. */
import type { ServerResponse } from 'node:http';
import { type Chat, type ChatOptions, createChat } from '../../packages/client/src/chat.ts';
import type {
  Conversation,
  CurrentUser,
  History,
  Message,
  RunView,
} from '../../packages/client/src/index.ts';
import { type Client, createBackoff, createClient } from '../../packages/client/src/index.ts';
import { beginEvents, frame, type SeenRequest, serve } from './client-server.ts';

const at = '2026-01-01T00:00:00.000Z';

let users = 0;

/** Another user each time: what is open for the same one would share its connection. */
const newUser = (): CurrentUser => ({
  id: `user-${users++}`,
  kind: 'member',
  email: 'me@example.com',
  name: 'Me',
  role: 'user',
});

export const conversationOf = (id: string, parts: Partial<Conversation> = {}): Conversation => ({
  id,
  title: id,
  titleBy: 'user',
  systemPrompt: null,
  model: null,
  parameters: {},
  leafId: null,
  role: 'owner',
  pinned: false,
  archived: false,
  createdAt: at,
  updatedAt: at,
  ...parts,
});

export const messageOf = (id: string, parts: Partial<Message> = {}): Message => ({
  id,
  conversationId: 'c',
  parentId: null,
  role: 'user',
  text: id,
  status: 'completed',
  authorId: 'me',
  runId: null,
  model: null,
  usage: null,
  finishReason: null,
  failure: null,
  createdAt: at,
  ...parts,
});

export const runOf = (id: string, parts: Partial<RunView> = {}): RunView => ({
  id,
  conversationId: 'c',
  userId: 'me',
  promptMessageId: 'q',
  messageId: `answer of ${id}`,
  status: 'queued',
  model: 'm',
  attempt: 0,
  cancelRequested: false,
  failure: null,
  usage: null,
  finishReason: null,
  createdAt: at,
  startedAt: null,
  finishedAt: null,
  eventsUrl: `/api/runs/${id}/events`,
  ...parts,
});

export const historyOf = (messages: readonly Message[], activeRun: RunView | null = null): History => ({
  messages: messages.map((message) => ({ ...message, siblings: { ids: [message.id], position: 1 } })),
  activeRun,
  waitingRuns: [],
});

type Answer = (response: ServerResponse, request: SeenRequest) => void;

export const json =
  (body: object, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/**
 * `answers`: by method and path (`POST /api/conversations/c/messages`), looked up at each request; what is not there is
 * answered by 404. `/api/events` stands by itself: each connection gets `ready`, then what `tell` writes.
 */
export async function startApi(answers: Record<string, Answer>) {
  const me = newUser();
  const chats: Chat[] = [];
  let told = 0;
  const open = new Set<ServerResponse>();
  const server = await serve((response, _number, request) => {
    const [path = ''] = request.url.split('?');
    const answer = answers[`${request.method} ${path}`];
    if (answer) return answer(response, request);
    if (path === '/api/me') return json(me)(response, request);
    if (path !== '/api/events') return json({ code: 'not_found', status: 404 }, 404)(response, request);
    beginEvents(response);
    response.write(frame(String(told), 'ready', {}));
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  const client: Client = createClient({
    baseUrl: server.url,
    createBackoff: () => createBackoff({ baseMs: 5, capMs: 20 }),
  });
  return {
    client,
    seen: server.seen,
    open,
    /** How often this was asked. */
    count: (method: string, path: string) =>
      server.seen.filter((one) => one.method === method && one.url.split('?')[0] === path).length,
    /** Writes an event of the feed to every connection. */
    tell(type: string, data: object) {
      told += 1;
      for (const response of open) response.write(frame(String(told), type, data));
    },
    me,
    /** Opens a chat, which is closed at the end. */
    chat(options: Partial<ChatOptions> = {}): Chat {
      const chat = createChat({ client, storage: null, ...options });
      chats.push(chat);
      return chat;
    },
    async [Symbol.asyncDispose]() {
      for (const chat of chats) chat.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
