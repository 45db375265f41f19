/**
 * What many clients did to Holdfast and what they were told, written down to be judged later (check.ts). It is plain data
 * and knows no clock: `began` and `ended` are places in one sequence that the recorder counts, so that of two things it is
 * certain which came first when the one ended before the other began.
 */
import type { ConnectionRecord } from '../run-record.ts';

/** A request and what it was answered. */
export interface RequestEntry {
  readonly kind: 'request';
  readonly user: string;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The Idempotency-Key. */
  readonly key: string | null;
  readonly body: unknown;
  readonly began: number;
  readonly ended: number;
  /** null: no answer came, so that nobody knows what became of it. */
  readonly status: number | null;
  readonly reply: unknown;
}

export interface ReaderEvent {
  readonly at: number;
  readonly connection: number;
  readonly id: string | null;
  readonly event: string;
  /** As it stood in the `data:` line. */
  readonly data: string;
}

/** A client that followed one run, over any number of connections. */
export interface ReaderEntry {
  readonly kind: 'reader';
  readonly user: string;
  readonly runId: string;
  /** Where it began. `text: null`: the cursor is not its own, so that it cannot know what came before. */
  readonly begin: { readonly cursor: string | null; readonly text: string | null };
  /** For each connection the place where it was opened. */
  readonly opened: readonly number[];
  readonly connections: readonly ConnectionRecord[];
  readonly events: readonly ReaderEvent[];
  /** See `Ending` in recorder.ts. */
  readonly ending: string;
  readonly ended: number;
}

export interface FeedEvent {
  readonly at: number;
  readonly connection: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A client that followed `/api/events` to the end of the history. */
export interface FeedEntry {
  readonly kind: 'feed';
  readonly user: string;
  /** For each connection the place where it was opened. */
  readonly opened: readonly number[];
  readonly events: readonly FeedEvent[];
  /** What feed-record.ts says of it. */
  readonly violations: readonly unknown[];
}

export type Entry = RequestEntry | ReaderEntry | FeedEntry;

/** A message as it stands in the database in the end, of any branch. */
export interface TreeMessage {
  readonly id: string;
  readonly conversationId: string;
  readonly parentId: string | null;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  readonly status: string;
  readonly authorId: string | null;
  readonly runId: string | null;
}

/** A run as it stands in the database in the end. Times are the database's, in microseconds. */
export interface TreeRun {
  readonly id: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly promptMessageId: string;
  readonly messageId: string;
  readonly status: string;
  readonly attempt: number;
  readonly terminalSeq: number | null;
  readonly cancelRequested: boolean;
  /** Order of acceptance. */
  readonly number: number;
  readonly createdAt: number;
  readonly dispatchedAt: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** An attempt in the end. `ended`: what it has cost is written down. */
export interface TreeAttempt {
  readonly runId: string;
  readonly attempt: number;
  readonly ended: boolean;
}

export interface LogEntry {
  readonly id: string;
  readonly type: string;
  /** JSON. */
  readonly data: string;
}

/** What the provider was asked. Times in microseconds. */
export interface Prompt {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** When it had been answered, or the connection was closed. */
  readonly closedAt: number | null;
  /** The whole text that the provider has for this question, at every attempt; absent or null: not known. */
  readonly answer?: string | null;
}

/** Everything that is kept, read when nothing moves any more. */
export interface Tree {
  readonly conversations: readonly { readonly id: string; readonly title: string | null }[];
  readonly messages: readonly TreeMessage[];
  readonly runs: readonly TreeRun[];
  readonly attempts: readonly TreeAttempt[];
  /** The run logs that have not expired, by run. */
  readonly logs: readonly { readonly runId: string; readonly entries: readonly LogEntry[] }[];
  /** Everything that the provider was asked, titles included. */
  readonly prompts: readonly Prompt[];
  /** Memory of the servers' processes. */
  readonly processes: readonly { readonly name: string; readonly residentBytes: number }[];
  /** Processes that ended though nobody had ended them, with their last words. */
  readonly crashes?: readonly { readonly name: string; readonly words: string }[];
}

/** What the servers were set to, and what is asked of them. */
export interface Limits {
  /** Runs of one user that are answered at a time, and that wait. */
  readonly runsMax: number;
  readonly waitingRunsMax: number;
  readonly residentBytesMax: number;
  /** Longest time in which a reader gets not a byte, and in which it gets no event at first. */
  readonly silentMsMax: number;
  readonly firstEventMsMax: number;
  /** From the end of a stopped run to that of the call to the provider. */
  readonly abortMsMax: number;
}

export interface History {
  readonly entries: readonly Entry[];
  readonly tree: Tree;
  readonly limits: Limits;
  /**
   * The place from which nothing was broken and nobody asked for anything new, where there was one: from then on every
   * request has to be answered, and all servers have to say the same.
   */
  readonly quietAt?: number;
}

/** A rule of check.ts that was broken. */
export interface Violation {
  readonly rule: string;
  /** What it is about, where that is known: `explain` prints their history. */
  readonly runId?: string;
  readonly conversationId?: string;
  readonly detail: unknown;
}

const codeLength = 6;
const markerPattern = /zq([0-9a-z]{6})k([0-9a-z]{6})z/g;

/** What a marker says: in which conversation a text was written, and by whom. */
export interface Marker {
  readonly conversationCode: string;
  readonly userCode: string;
}

/** A word that is nowhere but where somebody wrote it. Codes are 6 letters or digits, see `newCode`. */
export const markerWord = ({ conversationCode, userCode }: Marker): string =>
  `zq${conversationCode}k${userCode}z`;

/** A code that no other one is equal to, as far as `random` (from 0 to 1) is random. */
export function newCode(random: () => number): string {
  return Array.from({ length: codeLength }, () => Math.floor(random() * 36).toString(36)).join('');
}

/** All the markers in a text, each once. */
export function markersIn(text: string): Marker[] {
  const found = new Map<string, Marker>();
  for (const [word, conversationCode = '', userCode = ''] of text.matchAll(markerPattern)) {
    found.set(word, { conversationCode, userCode });
  }
  return [...found.values()];
}
