/** The clients of a chaos run, and what a fault plan has them do besides their walks. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Directive } from '../../packages/stand-in/src/directive.ts';
import { question } from '../support/ask.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import { markerWord, newCode } from '../support/checker/history.ts';
import {
  type FeedReader,
  followRecorded,
  type Recording,
  readRecorded,
  sendRecorded,
} from '../support/many-users/recorded-client.ts';
import { createConversation } from '../support/many-users/sharing.ts';
import { type Crowd, createWalker, type KnownRun, type Walker } from '../support/many-users/walker.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { readWithSdk } from './sdk-reader.ts';
import type { Weather } from './weather.ts';

/** Of the readers who begin at the beginning, so many use the client package. */
const sdkShare = 0.3;
/** Of the questions, so many have an answer that takes seconds: faults have to hit something. */
const longShare = 0.25;
/** An answer that no socket's buffers hold, for clients that do not read. */
const hugeBytes = 2 * 1024 * 1024;

/** Makes users and begins to follow their feeds. */
export async function gather(
  recording: Recording,
  users: number,
  seed: number,
  weather: Weather,
): Promise<{ crowd: Crowd; feeds: FeedReader[] }> {
  const walkers = await Promise.all(
    Array.from({ length: users }, async (_, number) => {
      const { id, token } = await signIn(recording.bases[number % recording.bases.length] ?? '');
      const sender = { id, headers: { authorization: `Bearer ${token}` } };
      return createWalker(sender, seededRandom(Math.imul(seed * 1_000 + number, 0x9e37_79b1)));
    }),
  );
  const crowd: Crowd = {
    recording,
    walkers,
    retriesMax: 3,
    directive: (walker) => ({ ...longer(walker), ...weather.directive(walker.random) }),
    read: (of, reader, run, reading) => {
      const walker = walkers.find(({ id }) => id === reader.id);
      const wholly = !reading?.begin && !reading?.leaveAfter && !reading?.stallMs;
      return wholly && walker && walker.random() < sdkShare
        ? readWithSdk(of, reader, run, reading?.server)
        : readRecorded(of, reader, run, reading);
    },
  };
  const feeds = await Promise.all(
    walkers.map(async (walker, number) => {
      await createConversation(crowd, walker);
      const follow = number % 2 === 0 ? walker.conversations.map(({ id }) => id) : [];
      const cut = randomBytes({ seed: seed + number, min: 500, max: 60_000 });
      return followRecorded(recording, walker, follow, (connection) =>
        connection < 6 ? cut(connection) : null,
      );
    }),
  );
  return { crowd, feeds };
}

async function signIn(base: string): Promise<{ id: string; token: string }> {
  const response = await fetch(`${base}/api/auth/guest`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ session: 'token' }),
  });
  if (response.status !== 201) throw new Error(`no guest: ${response.status} ${await response.text()}`);
  const { user, token } = (await response.json()) as { user: { id: string }; token: string };
  return { id: user.id, token };
}

const longer = ({ random }: Walker): Directive =>
  random() < longShare
    ? { deltas: 60 + Math.floor(random() * 90), intervalMs: 20 + Math.floor(random() * 40) }
    : {};

const walkerOf = ({ walkers }: Crowd, target: number): Walker | undefined => walkers[target % walkers.length];

const newestRuns = ({ walkers }: Crowd): { walker: Walker; run: KnownRun }[] =>
  walkers.flatMap((walker) =>
    walker.conversations.flatMap(({ runs }) => {
      const run = runs.at(-1);
      return run ? [{ walker, run }] : [];
    }),
  );

/** Two readers of a huge answer who do not read for a while. Returns how many there were. */
export async function neverRead(crowd: Crowd, target: number, forMs: number): Promise<number> {
  const walker = walkerOf(crowd, target);
  if (!walker) return 0;
  const { recording } = crowd;
  const code = newCode(walker.random);
  const marker = markerWord({ conversationCode: code, userCode: walker.code });
  const of = { key: randomUUID(), server: target };
  const made = await sendRecorded(recording, walker, 'POST', '/api/conversations', {
    ...of,
    body: { title: `About ${marker}` },
  });
  if (made.status !== 201) return 0;
  const { id } = made.reply as { id: string };
  // Not among the walker's conversations: every later question in it would send the huge answer to the provider.
  const text = question(
    { bytes: hugeBytes, deltas: 200, intervalMs: 10, seed: target, marker },
    `About ${marker}.`,
  );
  const asked = await sendRecorded(recording, walker, 'POST', `/api/conversations/${id}/messages`, {
    key: randomUUID(),
    server: target,
    body: { text },
  });
  if (asked.status !== 202) return 0;
  const { run } = asked.reply as { run: KnownRun };
  for (const server of [0, 1]) hold(walker, readRecorded(recording, walker, run, { stallMs: forMs, server }));
  return 2;
}

/** Tabs that come back from elsewhere: with old, future, foreign and damaged cursors. */
export async function comeWithStrangeCursors(crowd: Crowd, target: number): Promise<number> {
  const runs = newestRuns(crowd);
  const chosen = runs[target % runs.length];
  if (!chosen) return 0;
  const { walker, run } = chosen;
  const foreign = runs[(target + 1) % runs.length]?.run.id ?? 'nobody';
  const cursors = [
    '1-0',
    '1-3',
    '1-9999',
    '99-1',
    `${foreign}`,
    '\u00e9~',
    '1-',
    '0-0',
    '18446744073709551615-1',
  ];
  for (const [server, cursor] of cursors.entries()) {
    hold(walker, readRecorded(crowd.recording, walker, run, { begin: { cursor, text: null }, server }));
  }
  return cursors.length;
}

/** Stops what is newest, from all nodes at once. */
export async function cancelBurst(crowd: Crowd, target: number, strength: number): Promise<number> {
  const runs = newestRuns(crowd);
  const chosen = Array.from({ length: 3 }, (_, index) => runs[(target + index * 7) % runs.length]).filter(
    (each) => each !== undefined,
  );
  await sleep(strength * 300);
  const cancels = chosen.flatMap(({ walker, run }) =>
    [0, 1].map((server) =>
      sendRecorded(crowd.recording, walker, 'POST', `/api/runs/${run.id}/cancel`, { server }),
    ),
  );
  return (await Promise.all(cancels)).length;
}

/** One question, sent many times at once to all nodes with one key. */
export async function repeatPost(crowd: Crowd, target: number): Promise<number> {
  const walker = walkerOf(crowd, target);
  const conversation = walker?.conversations[0];
  if (!walker || !conversation) return 0;
  const marker = markerWord({ conversationCode: conversation.code, userCode: walker.code });
  const text = question({ deltas: 30, intervalMs: 10, seed: target, marker }, `Once of ${marker}.`);
  const key = randomUUID();
  const path = `/api/conversations/${conversation.id}/messages`;
  const sent = await Promise.all(
    Array.from({ length: 6 }, (_, server) =>
      sendRecorded(crowd.recording, walker, 'POST', path, { body: { text }, key, server }),
    ),
  );
  const run = sent.find(({ status }) => status === 202)?.reply as { run: KnownRun } | undefined;
  if (run) {
    conversation.runs.push(run.run);
    for (const server of [0, 1]) hold(walker, readRecorded(crowd.recording, walker, run.run, { server }));
  }
  return sent.length;
}

/** Somebody waits for it in the end. */
function hold(walker: Walker, reading: Promise<unknown>): void {
  walker.reading.add(reading);
  void reading.finally(() => walker.reading.delete(reading));
}
