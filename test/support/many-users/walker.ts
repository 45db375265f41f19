/** A user on their walk, and how they send and choose. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Directive } from '../../../packages/stand-in/src/directive.ts';
import type { RequestEntry } from '../checker/history.ts';
import { newCode } from '../checker/history.ts';
import { type Recording, type readRecorded, type Sender, sendRecorded } from './recorded-client.ts';

export interface KnownRun {
  readonly id: string;
  readonly eventsUrl: string;
  readonly conversationId: string;
  readonly promptMessageId: string;
  readonly messageId: string;
}

export interface KnownConversation {
  readonly id: string;
  readonly code: string;
  readonly isOwn: boolean;
  readonly runs: KnownRun[];
}

/** A user on their walk. */
export interface Walker extends Sender {
  readonly code: string;
  readonly random: () => number;
  readonly conversations: KnownConversation[];
  /** Reading at the moment. */
  readonly reading: Set<Promise<unknown>>;
}

export interface Crowd {
  readonly recording: Recording;
  readonly walkers: readonly Walker[];
  /** What the provider's answer to the next question is to be like, beyond what the walker chooses. */
  readonly directive?: (walker: Walker) => Directive;
  /** How runs are read; default: by the recorder. */
  readonly read?: typeof readRecorded;
  /** Tries after an answer that was lost or a 5xx, with the same key; default 0. */
  readonly retriesMax?: number;
}

export function createWalker(sender: Sender, random: () => number): Walker {
  return { ...sender, code: newCode(random), random, conversations: [], reading: new Set() };
}

export function pick<T>(walker: Walker, list: readonly T[]): T | undefined {
  return list[Math.floor(walker.random() * list.length)];
}

export const chance = (walker: Walker, probability: number): boolean => walker.random() < probability;

export const pickConversation = (walker: Walker) => pick(walker, walker.conversations);
export const pickRun = (walker: Walker) => pick(walker, pickConversation(walker)?.runs.slice(-6) ?? []);

export function send(
  { recording }: Crowd,
  walker: Walker,
  method: string,
  path: string,
  body: unknown = null,
  key: string | null = null,
): Promise<RequestEntry> {
  return sendRecorded(recording, walker, method, path, { body, key, server: walker.random() < 0.5 ? 0 : 1 });
}

/** Between two tries of a request whose answer was lost. */
const retryMsMax = 1_500;

const isLost = ({ status }: RequestEntry): boolean => status === null || status >= 500;

/** A POST that makes something: mostly with a key, and then sometimes several times, at once or later, to any server. */
export async function post(crowd: Crowd, walker: Walker, path: string, body: unknown): Promise<RequestEntry> {
  const key = chance(walker, 0.9) ? randomUUID() : null;
  const repeats = key !== null && chance(walker, 0.3) ? 1 + Math.floor(walker.random() * 2) : 0;
  const again = async () => {
    let last = await send(crowd, walker, 'POST', path, body, key);
    for (let left = key === null ? 0 : (crowd.retriesMax ?? 0); left > 0 && isLost(last); left -= 1) {
      await sleep(walker.random() * retryMsMax);
      last = await send(crowd, walker, 'POST', path, body, key);
    }
    return last;
  };
  if (repeats === 0 || chance(walker, 0.7)) {
    const replies = await Promise.all(Array.from({ length: 1 + repeats }, again));
    return replies.find(({ status }) => status !== null && status < 300) ?? (replies[0] as RequestEntry);
  }
  const first = await again();
  await sleep(walker.random() * 1_000);
  await again();
  return first;
}
