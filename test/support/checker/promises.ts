/**
 * Which rules decide which promise, and on how much each of them was checked. A promise about which nothing was observed
 * is not kept: it was not asked for.
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { type History, markersIn, type Violation } from './history.ts';
import { isSuccess, pathOf } from './index-history.ts';

export interface Promised {
  /** 0: no promise of its own, but nobody could rely on a server that breaks it. */
  readonly number: number;
  readonly sentence: string;
  /** Rules of check.ts. */
  readonly rules: readonly string[];
  /** How many things were looked at, and what they were. */
  readonly observed: string;
}

export const promises: readonly Promised[] = [
  {
    number: 1,
    sentence: 'Prefix: what a client has put together is at every moment a prefix, or was replaced.',
    rules: ['prefix', 'disagreement', 'provider'],
    observed: 'events after which the text was compared',
  },
  {
    number: 2,
    sentence: 'Once, in order: over any number of reconnects, to any process, from any cursor.',
    rules: ['once-in-order', 'feed'],
    observed: 'events of runs and feeds',
  },
  {
    number: 3,
    sentence: 'No silent gap: a cursor that is not covered gets a snapshot.',
    rules: ['no-gap', 'feed-lost'],
    observed: 'connections with a cursor, of readers and feeds',
  },
  {
    number: 4,
    sentence: 'One end: every accepted run gets exactly one, whoever dies, and who saw it finds the message.',
    rules: ['one-end', 'seen-end', 'ended'],
    observed: 'runs and readers',
  },
  {
    number: 5,
    sentence: 'One writer: a worker that lost its run appends nothing and finishes nothing.',
    rules: ['one-writer', 'overlap', 'turn'],
    observed: 'attempts and log entries',
  },
  {
    number: 6,
    sentence: 'Accepted means kept: across any crash, and one key makes one run.',
    rules: ['kept', 'key', 'unasked', 'answer', 'lost', 'search', 'agree'],
    observed: 'requests that made or showed something',
  },
  {
    number: 7,
    sentence: 'Stop means stop: from any node, at any moment, and the provider is left alone.',
    rules: ['stop', 'cost'],
    observed: 'stops and calls to the provider',
  },
  {
    number: 8,
    sentence: 'No one waits for ever: heartbeats, places in the queue, an end to orphaned runs.',
    rules: ['silence', 'place', 'position'],
    observed: 'connections',
  },
  {
    number: 9,
    sentence: 'Bounded: runs, lists, memory, calls to the provider.',
    rules: ['bounded', 'prompt'],
    observed: 'users, prompts and processes',
  },
  {
    number: 10,
    sentence: 'Yours only: nobody reads, stops or infers what is another’s.',
    rules: ['foreign-text', 'mixed', 'existence', 'deleted'],
    observed: 'texts with a marker, and answers of 404',
  },
  {
    number: 0,
    sentence: 'Besides: no process falls over, and no answer comes that nobody can have earned.',
    rules: ['status', 'crashed'],
    observed: 'requests',
  },
];

export interface Decision extends Promised {
  readonly observations: number;
  readonly broken: number;
}

/** What the violations say of each promise. Throws when a rule belongs to none: it would be broken without a word. */
export function decide(history: History, violations: readonly Violation[]): Decision[] {
  const known = new Set(promises.flatMap(({ rules }) => rules));
  const stray = violations.find(({ rule }) => !known.has(rule));
  if (stray) throw new Error(`the rule ${stray.rule} belongs to no promise`);
  const counts = observations(history);
  return promises.map((promise) => ({
    ...promise,
    observations: counts.get(promise.number) ?? 0,
    broken: violations.filter(({ rule }) => promise.rules.includes(rule)).length,
  }));
}

/** One line for each promise: kept, broken (n), or not observed. */
export function tellDecision({ number, sentence, broken, observations: of, observed }: Decision): string {
  const verdict = broken > 0 ? `broken (${broken})` : of > 0 ? 'kept' : 'not observed';
  return `${String(number || '').padStart(2)}  ${verdict.padEnd(12)} ${sentence} [${of} ${observed}]`;
}

function observations({ entries, tree }: History): Map<number, number> {
  const requests = entries.filter((entry) => entry.kind === 'request');
  const readers = entries.filter((entry) => entry.kind === 'reader');
  const feeds = entries.filter((entry) => entry.kind === 'feed');
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const texts = readers.flatMap(({ events }) => events.filter(({ event }) => event !== 'queued'));
  const connections = readers.flatMap((reader) => reader.connections);
  const feedResumes = sum(feeds.map(({ opened }) => Math.max(0, opened.length - 1)));
  const stops = requests.filter((request) => pathOf(request).endsWith('/cancel') && isSuccess(request));
  const marked = requests.filter(({ reply }) => markersIn(JSON.stringify(reply ?? null)).length > 0);
  return new Map([
    [0, requests.length],
    [1, texts.length],
    [2, sum(readers.map(({ events }) => events.length)) + sum(feeds.map(({ events }) => events.length))],
    [3, connections.filter(({ cursor }) => cursor !== null).length + feedResumes],
    [4, tree.runs.filter(({ status }) => isTerminalType(status)).length + readers.length],
    [5, tree.attempts.length + sum(tree.logs.map((log) => log.entries.length))],
    [6, requests.filter(isSuccess).length],
    [7, stops.length + tree.prompts.length],
    [8, connections.length],
    [9, new Set(tree.runs.map(({ userId }) => userId)).size + tree.prompts.length + tree.processes.length],
    [10, marked.length + requests.filter(({ status }) => status === 404).length],
  ]);
}
