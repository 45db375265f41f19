/** Readers of `/api/events` that do not read: they cost a bounded amount of memory, and can go on as if nothing had happened. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, createConversation, question } from '../support/ask.ts';
import { type FeedFollowing, followFeed } from '../support/feed-recorder.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { type Stack, startStack } from '../support/stack.ts';

const megabyte = 1024 * 1024;
const stalledReaders = 80;
/** All of them would have to be read again in this process, too: a few stand for the others. */
const resumedReaders = 3;
/** Of what 80 readers would have of their own, 960 MB, kernels keep some 5 MB per socket; the rest would be ours. */
const grownMegabytesMax = 400;
const patience = { timeout: 90_000, interval: 50 };

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ env: { EVENT_CONNECTIONS_PER_USER_MAX: '200' } });
});
afterAll(() => stack.stop());

const hasEnd = ({ record }: FeedFollowing, runId: string): boolean =>
  record.events.some((event) => event.type === 'run.ended' && event.data.run.id === runId);

it('80 readers that stop reading a 12 MB answer cost a fraction of it, delay nobody, and get everything in the end', async () => {
  const [api] = stack.apis;
  const bases = [api?.url ?? ''];
  const { id } = await createConversation(bases[0] ?? '');
  const stalled = Array.from({ length: stalledReaders }, () => followFeed({ bases, follow: [id] }));
  const healthy = followFeed({ bases, follow: [id] });
  await Promise.all([...stalled, healthy].map((reader) => reader.ready));
  for (const reader of stalled) reader.stall();
  const before = residentBytes(api?.pid ?? 0);
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(api?.pid ?? 0));
  }, 200);
  const directive = { bytes: 12 * megabyte, deltas: 3_000, seed: 41, intervalMs: 3 };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0] ?? '', question(directive), id);
  await expect.poll(() => hasEnd(healthy, run.id), patience).toBe(true);
  clearInterval(sampling);
  const grownMegabytes = Math.round((peak - before) / megabyte);
  console.log({ grownMegabytes, ifAllWasBuffered: (stalledReaders * directive.bytes) / megabyte });
  expect(grownMegabytes).toBeLessThan(grownMegabytesMax);

  const resumed = stalled.slice(0, resumedReaders);
  for (const reader of resumed) reader.resume();
  await Promise.all(stalled.slice(resumedReaders).map((reader) => reader.stop()));
  for (const reader of [healthy, ...resumed]) {
    await expect.poll(() => hasEnd(reader, run.id), patience).toBe(true);
    expect(reader.record.violations).toEqual([]);
    expect(reader.record.runs.get(run.id)?.text === text).toBe(true);
    expect(reader.record.connections).toHaveLength(1);
    await reader.stop();
  }
});
