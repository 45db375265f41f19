/**
 * Fifty users at once on two API processes and two workers, each on a random walk of their own, reading over connections
 * that vanish at any byte. Everything is written down; in the end a checker that knows nothing of this test decides for
 * all of them whether all promises were kept.
 *
 * MANY_USERS_SECONDS and MANY_USERS_SEED make it longer or another one. The seed decides what each user does; what comes
 * of it also depends on who is quicker.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call } from '../support/ask.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import { checkHistory, countHistory, explain, tellCounts } from '../support/checker/check.ts';
import type { History, Limits, Violation } from '../support/checker/history.ts';
import { patience } from '../support/inspect.ts';
import { readTree } from '../support/many-users/read-tree.ts';
import {
  type FeedReader,
  followRecorded,
  type Recording,
  sendRecorded,
  startRecording,
} from '../support/many-users/recorded-client.ts';
import { createConversation } from '../support/many-users/sharing.ts';
import { walk } from '../support/many-users/walk.ts';
import { type Crowd, createWalker, type Walker } from '../support/many-users/walker.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

const users = 50;
const seconds = Number(process.env['MANY_USERS_SECONDS'] ?? 60);
const seed = Number(process.env['MANY_USERS_SEED'] ?? 1);
/** Longest wait for what was accepted to be answered, once nobody asks for more. */
const answerMsMax = 90_000;
/** For so long a worker is frozen, once in the middle: longer than its lease, so that it wakes up to runs that it has lost. */
const frozenMs = 3_000;

const limits: Limits = {
  runsMax: 2,
  waitingRunsMax: 5,
  residentBytesMax: 512 * 1024 * 1024,
  // PROTOCOL.md, section 2: at the latest 15 s after the last byte.
  silentMsMax: 15_000,
  firstEventMsMax: 15_000,
  // A second, and what a busy machine makes of it.
  abortMsMax: 5_000,
};

/** Four processes at once, also where both cores have something else to do. */
const startMsMax = 180_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    apis: 2,
    workers: 2,
    env: {
      TITLES: 'on',
      RUNS_PER_USER_MAX: `${limits.runsMax}`,
      WAITING_RUNS_PER_USER_MAX: `${limits.waitingRunsMax}`,
    },
  });
}, startMsMax);
afterAll(() => stack.stop());

async function gather(recording: Recording): Promise<Crowd> {
  const walkers = await Promise.all(
    Array.from({ length: users }, async (_, number) => {
      const base = recording.bases[number % recording.bases.length] ?? '';
      const guest = await call<{ user: { id: string }; token: string }>(
        base,
        'POST',
        '/api/auth/guest',
        { session: 'token' },
        { authorization: '' },
      );
      expect(guest.status).toBe(201);
      const { user, token } = guest.body;
      const sender = { id: user.id, headers: { authorization: `Bearer ${token}` } };
      // Neighbouring seeds would begin with the same choices.
      return createWalker(sender, seededRandom(Math.imul(seed * 1_000 + number, 0x9e37_79b1)));
    }),
  );
  return { recording, walkers };
}

/** Everybody has a conversation, and follows everything in one connection; every second one also the runs in it. */
async function beginFeed(crowd: Crowd, walker: Walker, number: number): Promise<FeedReader> {
  await createConversation(crowd, walker);
  const follow = number % 2 === 0 ? walker.conversations.map(({ id }) => id) : [];
  const cut = randomBytes({ seed: seed + number, min: 500, max: 60_000 });
  return followRecorded(crowd.recording, walker, follow, (connection) =>
    connection < 6 ? cut(connection) : null,
  );
}

async function freezeWorker(): Promise<void> {
  const [worker] = stack.workers;
  if (!worker) return;
  await sleep((seconds * 1_000) / 2);
  process.kill(worker.pid, 'SIGSTOP');
  await sleep(frozenMs);
  process.kill(worker.pid, 'SIGCONT');
}

/** Each looks once more at everything that they know of. */
async function lookBack({ recording }: Crowd, walker: Walker): Promise<void> {
  for (const conversation of walker.conversations) {
    await sendRecorded(recording, walker, 'GET', `/api/conversations/${conversation.id}/messages`);
    for (const run of conversation.runs.slice(-3)) {
      await sendRecorded(recording, walker, 'GET', `/api/runs/${run.id}`);
    }
  }
}

async function unfinishedRuns(): Promise<number> {
  const { rows } = await stack.db.query<{ count: number }>(
    `select count(*)::int as count from runs where status in ('queued', 'running')`,
  );
  return rows[0]?.count ?? -1;
}

/** Waits until all have read what was recorded for them. What never comes is for the checker to find. */
async function drain(feeds: readonly FeedReader[]): Promise<void> {
  const { rows } = await stack.db.query<{ user: string; seq: number }>(
    'select user_id as "user", seq::float8 as seq from user_feeds',
  );
  const heads = new Map(rows.map(({ user, seq }) => [user, seq]));
  const isBehind = ({ user, seq }: FeedReader) => seq() < (heads.get(user) ?? 0);
  await expect
    .poll(() => feeds.filter(isBehind).length, patience)
    .toBe(0)
    .catch(() => {});
}

/** One of each rule, with the story of what it is about; the rest is in a file. */
function report(history: History, violations: readonly Violation[]): void {
  const file = join(mkdtempSync(join(tmpdir(), 'holdfast-history-')), `seed-${seed}.json`);
  writeFileSync(file, JSON.stringify(history));
  const rules = Map.groupBy(violations, ({ rule }) => rule);
  const told = [...rules.values()].flatMap(([first]) => (first ? [explain(history, first)] : []));
  console.error(`seed ${seed}, the whole history is ${file}\n\n${told.join('\n\n')}`);
}

it(
  `${users} users who do everything at once for ${seconds} s are kept every promise`,
  async () => {
    const recording = startRecording(stack.apis.map((api) => api.url));
    const crowd = await gather(recording);
    const { walkers } = crowd;
    const feeds = await Promise.all(walkers.map((walker, number) => beginFeed(crowd, walker, number)));

    const endsAt = performance.now() + seconds * 1_000;
    const frozen = freezeWorker();
    await Promise.all(walkers.map((walker) => walk(crowd, walker, () => performance.now() > endsAt)));
    await frozen;
    await expect
      .poll(unfinishedRuns, { ...patience, timeout: answerMsMax })
      .toBe(0)
      .catch(() => {});
    await Promise.all(walkers.flatMap((walker) => [...walker.reading]));
    await Promise.all(walkers.map((walker) => lookBack(crowd, walker)));
    await drain(feeds);
    await Promise.all(feeds.map((feed) => feed.stop()));

    const history: History = { entries: recording.entries, tree: await readTree(stack), limits };
    console.info(`seed ${seed}, ${users} users, ${seconds} s: ${tellCounts(history)}`);
    const violations = checkHistory(history);
    if (violations.length > 0) report(history, violations);
    const rules = [...Map.groupBy(violations, ({ rule }) => rule)].map(
      ([rule, of]) => `${rule}: ${of.length}`,
    );
    expect(rules, `seed ${seed}`).toEqual([]);
    // A walk that stands still proves nothing.
    const counts = countHistory(history);
    expect(counts).toMatchObject({ failed: 0 });
    for (const what of ['completed', 'cancelled', 'repeats', 'reconnects', 'refused'] as const) {
      expect(counts[what], what).toBeGreaterThan(seconds / 4);
    }
  },
  seconds * 1_000 + 240_000,
);
