/** One question over HTTP, timed: from the sending of the POST to the first event of the answer and to its first text. */
import { Agent, type IncomingMessage, request } from 'node:http';

const agent = new Agent({ keepAlive: true });

export interface Question {
  readonly base: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Milliseconds from the sending of the POST. */
export interface Asked {
  readonly eventsUrl: string;
  readonly acceptedMs: number;
  readonly firstEventMs: number;
  readonly firstTextMs: number;
}

function send(
  method: string,
  url: string,
  headers: Question['headers'],
  body?: unknown,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const json = body === undefined ? undefined : JSON.stringify(body);
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request(url, { method, agent, headers: { ...headers, ...type } }, resolve);
    sent.on('error', reject);
    sent.end(json);
  });
}

async function readJson<T>(response: IncomingMessage): Promise<T> {
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  if ((response.statusCode ?? 500) >= 300) throw new Error(`${response.statusCode}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

/** Makes an empty conversation; resolves with its id. */
export async function startConversation({
  base,
  headers,
}: Pick<Question, 'base' | 'headers'>): Promise<string> {
  const { id } = await readJson<{ id: string }>(await send('POST', `${base}/api/conversations`, headers, {}));
  return id;
}

/** Posts the question in a conversation. Resolves with where its events are. */
export async function postIn(conversationId: string, { base, headers, text }: Question): Promise<string> {
  const url = `${base}/api/conversations/${conversationId}/messages`;
  const { run } = await readJson<{ run: { eventsUrl: string } }>(await send('POST', url, headers, { text }));
  return run.eventsUrl;
}

/** Posts the question in a new conversation, made before the clock starts. Resolves with where its events are. */
export async function post(question: Question): Promise<{ eventsUrl: string; startedAt: number }> {
  const id = await startConversation(question);
  const startedAt = performance.now();
  return { eventsUrl: await postIn(id, question), startedAt };
}

/** Posts a question and reads its answer up to the first text. */
export async function askOnce(question: Question): Promise<Asked> {
  const { eventsUrl, startedAt } = await post(question);
  const acceptedMs = performance.now() - startedAt;
  const response = await send('GET', `${question.base}${eventsUrl}`, question.headers);
  let text = '';
  let firstEventMs = 0;
  for await (const part of response.setEncoding('utf8')) {
    text += part;
    if (firstEventMs === 0 && text.includes('event: started')) firstEventMs = performance.now() - startedAt;
    if (text.includes('event: delta')) break;
  }
  return { eventsUrl, acceptedMs, firstEventMs, firstTextMs: performance.now() - startedAt };
}
