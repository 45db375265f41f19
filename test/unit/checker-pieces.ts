/** What histories are made of, and what a test may change in them. */
import type {
  FeedEntry,
  LogEntry,
  Prompt,
  ReaderEntry,
  RequestEntry,
  Tree,
  TreeAttempt,
  TreeMessage,
  TreeRun,
} from '../support/checker/history.ts';
import { markerWord } from '../support/checker/history.ts';

export const ann = 'ann';
export const bob = 'bob';
export const eve = 'eve';
export const marker = markerWord({ conversationCode: 'aaaaaa', userCode: '000ann' });
export const evesMarker = markerWord({ conversationCode: 'eeeeee', userCode: '000eve' });
export const question = `Tell me of ${marker}.`;
export const againQuestion = `And once more of ${marker}?`;
export const answer = `[${marker}] Once there was a knot.`;

/** The parts of a history that tests change. Everything is mutable: each test has its own. */
export interface Draft {
  entries: { [name: string]: Mutable<RequestEntry> | Mutable<ReaderEntry> | Mutable<FeedEntry> };
  conversations: Mutable<Tree['conversations'][number]>[];
  messages: Mutable<TreeMessage>[];
  runs: Mutable<TreeRun>[];
  attempts: Mutable<TreeAttempt>[];
  logs: { [runId: string]: Mutable<LogEntry>[] };
  prompts: Mutable<Prompt>[];
  processes: Mutable<Tree['processes'][number]>[];
}
/** Everything in it may be changed. */
export type Mutable<T> = unknown extends T ? T : { -readonly [K in keyof T]: Mutable<T[K]> };

export const asRequest = (draft: Draft, name: string) => draft.entries[name] as Mutable<RequestEntry>;
export const asReader = (draft: Draft, name: string) => draft.entries[name] as Mutable<ReaderEntry>;
export const copyOf = <T>(value: T): Mutable<T> => structuredClone<unknown>(value) as Mutable<T>;

let last = 0;

/** Places of the history: each is after the one before. */
export const nextPlace = (): number => ++last;

/** Begins a history. */
export const firstPlace = (): void => {
  last = 0;
};

export function request(
  user: string,
  line: string,
  status: number | null,
  reply: unknown,
  rest: { body?: unknown; key?: string } = {},
): Mutable<RequestEntry> {
  const [method = '', path = ''] = line.split(' ');
  const { body = null, key = null } = rest;
  return {
    kind: 'request',
    user,
    method,
    path,
    key,
    body,
    began: nextPlace(),
    ended: nextPlace(),
    status,
    reply,
  };
}

export function reader(user: string, runId: string, events: [string, string, object][], ending = 'terminal') {
  const opened = [nextPlace()];
  const recorded = events.map(([id, event, data]) => ({
    at: nextPlace(),
    connection: 0,
    id,
    event,
    data: JSON.stringify(data),
  }));
  const connection = {
    url: '',
    cursor: null,
    status: 200,
    events: 0,
    comments: 0,
    retryMs: null,
    end: 'eof',
    silentMs: 10,
    firstEventMs: 5,
  };
  const entry: ReaderEntry = {
    kind: 'reader',
    user,
    runId,
    begin: { cursor: null, text: null },
    opened,
    connections: [connection],
    events: recorded,
    ending,
    ended: nextPlace(),
  };
  return copyOf(entry);
}

export const message = (
  id: string,
  parentId: string | null,
  rest: Partial<TreeMessage>,
): Mutable<TreeMessage> => ({
  id,
  conversationId: 'c',
  parentId,
  role: 'user',
  text: question,
  status: 'completed',
  authorId: ann,
  runId: null,
  ...rest,
});

export const runView = (n: number, status: string, rest: object = {}) => ({
  id: `r${n}`,
  conversationId: 'c',
  userId: ann,
  promptMessageId: `q${n}`,
  messageId: `a${n}`,
  status,
  cancelRequested: false,
  ...rest,
});

export const treeRun = (n: number, rest: Partial<TreeRun>): Mutable<TreeRun> => ({
  ...runView(n, 'completed'),
  attempt: 1,
  terminalSeq: 3,
  number: n,
  createdAt: n * 100 - 30,
  dispatchedAt: n * 100 - 10,
  startedAt: n * 100,
  finishedAt: n * 100 + 50,
  ...rest,
});

export const end = (n: number) => ({ messageId: `a${n}`, finishReason: 'stop', usage: null });
export const whole: [string, string, object][] = [
  ['1-0', 'started', { runId: 'r1', model: 'm' }],
  ['1-1', 'delta', { text: answer.slice(0, 9) }],
  ['1-2', 'delta', { text: answer.slice(9) }],
  ['1-3', 'completed', end(1)],
];

/** Events as a log has them. */
export const asLog = (events: typeof whole): Mutable<LogEntry>[] =>
  events.map(([id, type, data]) => ({ id, type, data: JSON.stringify(data) }));
