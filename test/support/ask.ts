/** The few requests that nearly every test makes. */
import type { AcceptedMessage, Conversation, History, RunView } from '@holdfast/shared/http/schemas.ts';
import type { Directive } from '../../packages/stand-in/src/directive.ts';
import { type FollowOptions, followRun } from './recorder.ts';
import type { RunRecord } from './run-record.ts';
import { testUser } from './test-user.ts';

/** A reply with its parsed body. */
export interface Reply<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** Sends JSON and reads JSON, as the test user unless `headers` say otherwise (`authorization: ''` for nobody). */
export async function call<T = unknown>(
  base: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply<T>> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...testUser.headers,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? null : JSON.parse(text)) as T,
  };
}

/** The text of a question that the stand-in provider answers as the directive says. */
export function question(directive: Directive, words = 'Please answer.'): string {
  return `${words} @@${JSON.stringify(directive)}@@`;
}

export async function createConversation(base: string, body: object = {}): Promise<Conversation> {
  return (await call<Conversation>(base, 'POST', '/api/conversations', body)).body;
}

/** Asks in a new conversation, or in `conversationId`. Throws unless it is accepted. */
export async function ask(base: string, text: string, conversationId?: string): Promise<AcceptedMessage> {
  const id = conversationId ?? (await createConversation(base)).id;
  const reply = await call<AcceptedMessage>(base, 'POST', `/api/conversations/${id}/messages`, { text });
  if (reply.status !== 202) throw new Error(`not accepted: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}

export const getRun = async (base: string, runId: string): Promise<RunView> =>
  (await call<RunView>(base, 'GET', `/api/runs/${runId}`)).body;

export const getHistory = async (base: string, conversationId: string): Promise<History> =>
  (await call<History>(base, 'GET', `/api/conversations/${conversationId}/messages`)).body;

/** Follows a run to its end over these API processes and returns what the reader recorded. */
export async function follow(
  bases: readonly string[],
  run: Pick<RunView, 'eventsUrl'>,
  options: Omit<FollowOptions, 'bases' | 'url'> = {},
): Promise<RunRecord> {
  const following = followRun({ ...options, bases, url: (base) => `${base}${run.eventsUrl}` });
  await following.done;
  return following.record;
}
