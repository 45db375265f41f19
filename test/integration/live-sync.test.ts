/** `/api/events`: one connection tells everything that happens in a user's conversations. */
import { parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, createConversation, getHistory, question } from '../support/ask.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import { createFeedReaders, endOf, typesOf, whenEnded, whenUnderWay } from '../support/feed-readers.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ apis: 2, env: { EVENT_CONNECTIONS_PER_USER_MAX: '100' } });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

const feeds = createFeedReaders(() => bases);
afterEach(() => feeds.stop());

const directive = { deltas: 20, seed: 3, intervalMs: 10, splitSurrogates: true };
const text = scriptedText(directive).join('');

describe('a reader', () => {
  it('is told a question and its answer from the other process, in order and as history holds them', async () => {
    const conversation = await createConversation(bases[0]);
    const reader = await feeds.watch({ bases: [bases[1]], follow: [conversation.id] });
    const { run, message } = await ask(bases[0], question(directive), conversation.id);
    await whenEnded(reader, run.id);

    const { record } = reader;
    expect(record.violations).toEqual([]);
    expect(typesOf(reader).filter((type) => type !== 'run.event' && type !== 'run.position')).toEqual([
      'ready',
      'message.added',
      'run.queued',
      'run.started',
      'run.ended',
    ]);
    expect(record.events.find((event) => event.type === 'message.added')?.data).toMatchObject({
      message: { id: message.id, text: message.text },
    });
    expect(record.runs.get(run.id)).toMatchObject({ text, terminal: { type: 'completed' } });
    const { messages } = await getHistory(bases[0], conversation.id);
    expect(endOf(reader, run.id)?.data.message).toMatchObject({
      id: messages.at(-1)?.id,
      text: messages.at(-1)?.text,
    });
    // Nothing waits for the comparison of feeds: that comes once a second.
    expect(record.connections).toHaveLength(1);
  });

  it('gets the run events of the conversations that it follows, and of no others', async () => {
    const followed = await createConversation(bases[0]);
    const other = await createConversation(bases[0]);
    const reader = await feeds.watch({ follow: [followed.id] });
    const asked = await Promise.all(
      [followed, other].map(({ id }) => ask(bases[0], question(directive), id)),
    );
    await whenEnded(reader, ...asked.map(({ run }) => run.id));
    expect(reader.record.violations).toEqual([]);
    expect([...reader.record.runs.keys()]).toEqual([asked[0]?.run.id]);
  });

  it('that comes in mid-answer gets what is under way from its beginning', async () => {
    const conversation = await createConversation(bases[0]);
    const slow = { deltas: 60, seed: 4, intervalMs: 30 };
    const first = await feeds.watch({ follow: [conversation.id] });
    const { run } = await ask(bases[0], question(slow), conversation.id);
    await whenUnderWay(first, run.id, 10);
    const late = await feeds.watch({ follow: [conversation.id] });
    await whenEnded(late, run.id);
    expect(typesOf(late)).not.toContain('run.started');
    expect(late.record.violations).toEqual([]);
    expect(late.record.runs.get(run.id)?.text).toBe(scriptedText(slow).join(''));
  });

  it('is told the places of its own waiting runs', async () => {
    const conversation = await createConversation(bases[0]);
    const reader = await feeds.watch({ follow: [conversation.id] });
    const slow = question({ deltas: 100, seed: 5, intervalMs: 30 });
    const { run: first } = await ask(bases[0], slow, conversation.id);
    const { run: second } = await ask(bases[0], question(directive), conversation.id);
    await whenEnded(reader, first.id, second.id);
    const positions = reader.record.events.filter((event) => event.type === 'run.position');
    expect(positions.map((event) => event.type === 'run.position' && event.data.runId)).toContain(second.id);
    expect(reader.record.violations).toEqual([]);
  });
});

describe('a reader that is cut again and again', () => {
  it('misses nothing and gets nothing twice, at random bytes, on two processes, by header and by query', async () => {
    const conversations = await Promise.all([1, 2, 3].map(() => createConversation(bases[0])));
    const follow = conversations.map(({ id }) => id);
    const reference = await feeds.watch({ follow });
    const readers = await Promise.all(
      Array.from({ length: 16 }, (_, seed) =>
        feeds.watch({
          bases: seed % 2 === 0 ? bases : bases.toReversed(),
          follow,
          cursorBy: seed % 4 < 2 ? 'header' : 'query',
          // What a connection begins with is 60 bytes or so; an event of the feed is a kilobyte.
          cutAfter: randomBytes({ seed, min: 50, max: 8_000 }),
          retryMsMax: seed % 5,
        }),
      ),
    );
    const runIds: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const asked = await Promise.all(
        conversations.map(({ id }, index) =>
          ask(bases[(n + index) % 2] ?? '', question({ ...directive, seed: n, intervalMs: 60 }), id),
        ),
      );
      runIds.push(...asked.map(({ run }) => run.id));
    }
    await whenEnded(reference, ...runIds);
    for (const reader of readers) await whenEnded(reader, ...runIds);
    expect(reference.record.violations).toEqual([]);
    for (const { record } of readers) {
      expect(record.violations).toEqual([]);
      expect(record.seqs).toEqual(reference.record.seqs);
      expect(record.connections.length).toBeGreaterThan(5);
      for (const runId of runIds) {
        // One that was away for a whole answer has it from `run.ended` alone.
        const run = record.runs.get(runId);
        if (run) expect(run).toMatchObject({ terminal: { type: 'completed' }, violations: [] });
      }
    }
    const followed = readers.reduce((sum, { record }) => sum + record.runs.size, 0);
    expect(followed).toBeGreaterThan(readers.length);
  });

  it('goes on in the middle of an answer, also when that has ended meanwhile', async () => {
    const conversation = await createConversation(bases[0]);
    const slow = { deltas: 40, seed: 6, intervalMs: 20 };
    const reader = await feeds.watch({ follow: [conversation.id], retryMsMax: 0 });
    const witness = await feeds.watch();
    const { run } = await ask(bases[0], question(slow), conversation.id);
    await whenUnderWay(reader, run.id, 10);
    await reader.stop();
    const { cursor } = reader.record;
    const place = parseFeedCursor(cursor ?? '')?.runs.get(run.id);
    expect(place?.seq).toBeGreaterThan(5);
    await whenEnded(witness, run.id);

    const resumed = await feeds.watch({ bases: [bases[1]], follow: [conversation.id], cursor: cursor ?? '' });
    await whenEnded(resumed, run.id);
    const runEvents = resumed.record.events.filter((event) => event.type === 'run.event');
    expect(runEvents[0]?.type === 'run.event' && runEvents[0].data.id).toBe(`1-${(place?.seq ?? 0) + 1}`);
    const rest = runEvents.map((event) =>
      event.type === 'run.event' ? (event.data.data['text'] ?? '') : '',
    );
    expect((reader.record.runs.get(run.id)?.text ?? '') + rest.join('')).toBe(scriptedText(slow).join(''));
  });

  it('loses nothing when it is cut before anything has happened', async () => {
    const reader = await feeds.watch({ retryMsMax: 1_000 });
    reader.cut();
    const conversation = await createConversation(bases[0]);
    await expect.poll(() => typesOf(reader), patience).toContain('conversation.added');
    expect(reader.record.connections.length).toBeGreaterThan(1);
    expect(reader.record.violations).toEqual([]);
    expect(reader.record.events.at(-1)?.data).toMatchObject({ conversation: { id: conversation.id } });
  });
});

it('ten connections of one user at once are told the same', async () => {
  const conversation = await createConversation(bases[0]);
  const readers = await Promise.all(
    Array.from({ length: 10 }, (_, n) =>
      feeds.watch({ bases: [bases[n % 2] ?? ''], follow: [conversation.id] }),
    ),
  );
  const runIds: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    runIds.push((await ask(bases[n % 2] ?? '', question({ ...directive, seed: n }), conversation.id)).run.id);
  }
  for (const reader of readers) await whenEnded(reader, ...runIds);
  for (const { record } of readers) {
    expect(record.violations).toEqual([]);
    expect(record.seqs).toEqual(readers[0]?.record.seqs);
    expect(record.connections).toHaveLength(1);
    expect([...record.runs.values()].map((run) => run.text)).toEqual(
      [...(readers[0]?.record.runs.values() ?? [])].map((run) => run.text),
    );
  }
});
