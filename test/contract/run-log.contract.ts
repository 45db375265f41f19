/**
 * What every run log promises, whatever it is made of. Each implementation runs the whole of it: the one in memory
 * carries the models of other tests, and those are worth nothing if it promises less than the one in Redis.
 *
 * This file is longer than 250 lines because a contract is one list, to be read and run as a whole.
 */
import { randomUUID } from 'node:crypto';
import { type EventId, formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { pageEventsMax, readText } from '@holdfast/shared/run-log/read-text.ts';
import type {
  RunLogFeed,
  RunLogFeedHandlers,
  RunLogReader,
  RunLogWriter,
  UnplacedEvent,
} from '@holdfast/shared/run-log/run-log.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/** One implementation, and how to take away from it what a store may lose. */
export interface RunLogSubject {
  readonly log: RunLogWriter & RunLogReader;
  /** A feed with a connection of its own, as one API process has it. */
  feed(handlers: RunLogFeedHandlers): Promise<RunLogFeed>;
  /** Forgets the log, as after a FLUSHALL or an expiry. */
  lose(runId: string): Promise<void>;
  /** Forgets what the newest attempt wrote after `seq`, as a failover to a replica that lags behind does. */
  truncate(runId: string, seq: number): Promise<void>;
  close(): Promise<void>;
}

export const started: UnplacedEvent = { type: 'started', json: '{"runId":"r","model":"m"}' };
export const emptied: UnplacedEvent = { type: 'snapshot', json: '{"text":""}' };
export const completed: UnplacedEvent = { type: 'completed', json: '{"messageId":"m","usage":null}' };
export const delta = (text: string | number): UnplacedEvent => ({
  type: 'delta',
  json: JSON.stringify({ text: `${text}` }),
});
/** The deltas `from`, `from + 1`, … `to`, whose text is their own number. */
export const deltas = (from: number, to: number): UnplacedEvent[] =>
  Array.from({ length: to - from + 1 }, (_, n) => delta(`${from + n} `));
export const idsOf = (events: readonly LoggedEvent[]): string[] => events.map(({ id }) => formatEventId(id));

const appended = { status: 'appended', cancelRequested: false };

export function describeRunLog(name: string, create: () => Promise<RunLogSubject>): void {
  describe(name, () => {
    let subject: RunLogSubject;
    let log: RunLogSubject['log'];
    let runId: string;

    beforeAll(async () => {
      subject = await create();
      log = subject.log;
    });
    afterAll(() => subject.close());
    beforeEach(() => {
      runId = randomUUID();
    });

    const readAll = async (cursor: EventId | null = null): Promise<readonly LoggedEvent[]> =>
      (await log.read(runId, cursor, 10_000)).events;
    const ids = async (cursor: EventId | null = null): Promise<string[]> => idsOf(await readAll(cursor));
    const head = async () => (await log.heads([runId]))[0];

    describe('opening', () => {
      it('moves the fence up and never down', async () => {
        expect(await head()).toBeNull();
        expect(await log.open(runId, 1, started)).toBe('opened');
        expect(await log.open(runId, 3, emptied)).toBe('opened');
        expect(await log.open(runId, 2, emptied)).toBe('fenced');
        expect(await log.open(runId, 1, started)).toBe('fenced');
        expect(await head()).toEqual({ id: { attempt: 3, seq: 0 }, closed: false });
      });

      it('is harmless to repeat after a lost reply, also when more was written since', async () => {
        await log.open(runId, 1, started);
        expect(await log.open(runId, 1, started)).toBe('opened');
        await log.append(runId, 1, 1, deltas(1, 2));
        expect(await log.open(runId, 1, started)).toBe('opened');
        expect(await ids()).toEqual(['1-0', '1-1', '1-2']);
      });

      it('is refused once the log has its end, for the attempt that wrote it and for later ones', async () => {
        await log.open(runId, 2, emptied);
        await log.append(runId, 2, 1, [completed]);
        expect(await log.open(runId, 2, emptied)).toBe('closed');
        expect(await log.open(runId, 3, emptied)).toBe('closed');
        expect(await log.open(runId, 1, started)).toBe('fenced');
        expect(await ids()).toEqual(['2-0', '2-1']);
      });
    });

    describe('appending', () => {
      it('keeps every event as it was written, in order', async () => {
        const hostile = '{"text":"\\r\\nid: 9-9 \\u0000 \u2028 👩‍👩‍👧 \\ud800 $& "}';
        await log.open(runId, 1, started);
        expect(await log.append(runId, 1, 1, [{ type: 'delta', json: hostile }, completed])).toEqual(
          appended,
        );
        expect(await readAll()).toEqual([
          { id: { attempt: 1, seq: 0 }, ...started },
          { id: { attempt: 1, seq: 1 }, type: 'delta', json: hostile },
          { id: { attempt: 1, seq: 2 }, ...completed },
        ]);
      });

      it('is harmless to repeat after a lost reply: each event is there once', async () => {
        await log.open(runId, 1, started);
        for (let tries = 0; tries < 3; tries++) {
          expect(await log.append(runId, 1, 1, deltas(1, 3))).toEqual(appended);
        }
        expect(await ids()).toEqual(['1-0', '1-1', '1-2', '1-3']);
      });

      it('writes only the new part of what overlaps', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 3));
        expect(await log.append(runId, 1, 2, [delta('other'), delta('other'), delta('4 ')])).toEqual(
          appended,
        );
        expect(await readText(log, runId)).toEqual({ text: '1 2 3 4 ', id: { attempt: 1, seq: 4 } });
      });

      it('refuses a worker whose run a later attempt has taken over', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 1));
        await log.open(runId, 2, emptied);
        expect(await log.append(runId, 1, 2, [delta('stale')])).toEqual({ status: 'fenced' });
        // Not even what it had written before: the answer would let it go on.
        expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual({ status: 'fenced' });
        expect(await log.append(runId, 1, 2, [completed])).toEqual({ status: 'fenced' });
        expect(await ids()).toEqual(['2-0']);
      });

      it('takes nothing after the terminal event, and its repeat is no fault', async () => {
        await log.open(runId, 1, started);
        const end = [delta('1 '), completed];
        await log.append(runId, 1, 1, end);
        expect(await head()).toEqual({ id: { attempt: 1, seq: 2 }, closed: true });
        expect(await log.append(runId, 1, 1, end)).toEqual(appended);
        expect(await log.append(runId, 1, 2, [completed])).toEqual(appended);
        expect(await log.append(runId, 1, 3, [delta('late')])).toEqual({ status: 'closed' });
        expect(await log.append(runId, 1, 2, [completed, completed])).toEqual({ status: 'closed' });
        expect(await ids()).toEqual(['1-0', '1-1', '1-2']);
      });

      it.each(['completed', 'failed', 'cancelled'] as const)('ends the log with %s', async (type) => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, [...deltas(1, 2), { type, json: '{}' }]);
        expect(await head()).toEqual({ id: { attempt: 1, seq: 3 }, closed: true });
      });

      it('refuses what would leave a gap, names the last place, and takes the rest from there', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 5));
        await subject.truncate(runId, 2);
        expect(await log.append(runId, 1, 6, deltas(6, 6))).toEqual({ status: 'gap', lastSeq: 2 });
        expect(await ids()).toEqual(['1-0', '1-1', '1-2']);
        expect(await log.append(runId, 1, 3, deltas(3, 6))).toEqual(appended);
        expect((await readText(log, runId))?.text).toBe('1 2 3 4 5 6 ');
      });

      it('refuses a gap right after the opening', async () => {
        await log.open(runId, 1, started);
        expect(await log.append(runId, 1, 2, deltas(2, 2))).toEqual({ status: 'gap', lastSeq: 0 });
      });

      it('says that the log is absent when it is lost, and it is written again under the same ids', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 3));
        await subject.lose(runId);
        expect(await head()).toBeNull();
        expect(await log.append(runId, 1, 4, deltas(4, 4))).toEqual({ status: 'absent' });
        expect(await log.read(runId, null, 10)).toEqual({ head: null, events: [] });
        expect(await log.open(runId, 1, started)).toBe('opened');
        expect(await log.append(runId, 1, 1, deltas(1, 4))).toEqual(appended);
        expect(await ids()).toEqual(['1-0', '1-1', '1-2', '1-3', '1-4']);
      });

      it('says that it is absent to an attempt that never opened it', async () => {
        expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual({ status: 'absent' });
        await log.open(runId, 1, started);
        expect(await log.append(runId, 2, 1, deltas(1, 1))).toEqual({ status: 'absent' });
        expect(await ids()).toEqual(['1-0']);
      });

      it('writes again thousands of events at once, and never trims an open log', async () => {
        const many = 2 * pageEventsMax + 7;
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 3));
        expect(await log.append(runId, 1, 1, deltas(1, many))).toEqual(appended);
        expect(await log.append(runId, 1, many + 1, [completed])).toEqual(appended);
        expect(await ids()).toEqual(Array.from({ length: many + 2 }, (_, n) => `1-${n}`));
        expect(await readText(log, runId)).toEqual({
          text: Array.from({ length: many }, (_, n) => `${n + 1} `).join(''),
          id: { attempt: 1, seq: many },
        });
      });
    });

    describe('appending to many logs at once', () => {
      it('gives each run its own answer, whatever the others get', async () => {
        const [good, fenced, gap, absent, closed, stopped, last] = Array.from({ length: 7 }, () =>
          randomUUID(),
        ) as [string, string, string, string, string, string, string];
        for (const run of [good, fenced, gap, closed, stopped, last]) await log.open(run, 1, started);
        await log.open(fenced, 2, emptied);
        await log.append(closed, 1, 1, [completed]);
        await log.requestCancel(stopped);
        const results = await Promise.all([
          log.append(good, 1, 1, deltas(1, 3)),
          log.append(fenced, 1, 1, deltas(1, 2)),
          log.append(gap, 1, 5, deltas(5, 6)),
          log.append(absent, 1, 1, deltas(1, 1)),
          log.append(closed, 1, 2, deltas(2, 2)),
          log.append(stopped, 1, 1, deltas(1, 1)),
          log.append(last, 1, 1, [...deltas(1, 2), completed]),
        ]);
        expect(results).toEqual([
          appended,
          { status: 'fenced' },
          { status: 'gap', lastSeq: 0 },
          { status: 'absent' },
          { status: 'closed' },
          { ...appended, cancelRequested: true },
          appended,
        ]);
        const logged = async (run: string) => idsOf((await log.read(run, null, 100)).events);
        expect(await Promise.all([good, fenced, gap, absent, closed, stopped, last].map(logged))).toEqual([
          ['1-0', '1-1', '1-2', '1-3'],
          ['2-0'],
          ['1-0'],
          [],
          ['1-0', '1-1'],
          ['1-0', '1-1'],
          ['1-0', '1-1', '1-2', '1-3'],
        ]);
      });

      it('keeps the order within each run, and what they write apart', async () => {
        const runs = Array.from({ length: 40 }, () => randomUUID());
        for (const run of runs) await log.open(run, 1, started);
        const results = await Promise.all(
          Array.from({ length: 30 }, (_, n) =>
            runs.map((run) => log.append(run, 1, n + 1, [delta(`${run} ${n} `)])),
          ).flat(),
        );
        expect(results.every((result) => result.status === 'appended')).toBe(true);
        for (const run of runs) {
          const text = Array.from({ length: 30 }, (_, n) => `${run} ${n} `).join('');
          expect(await readText(log, run)).toEqual({ text, id: { attempt: 1, seq: 30 } });
        }
      });
    });

    describe('a wish to stop', () => {
      it('that came before any worker waits for the first append', async () => {
        await log.requestCancel(runId);
        expect(await head()).toBeNull();
        expect(await log.read(runId, null, 10)).toEqual({ head: null, events: [] });
        expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual({ status: 'absent' });
        await log.open(runId, 1, started);
        expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual({ ...appended, cancelRequested: true });
      });

      it('is told by the next append, by its repeat, and to the next attempt', async () => {
        await log.open(runId, 1, started);
        expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual(appended);
        await log.requestCancel(runId);
        await log.requestCancel(runId);
        const told = { ...appended, cancelRequested: true };
        expect(await log.append(runId, 1, 2, deltas(2, 2))).toEqual(told);
        expect(await log.append(runId, 1, 2, deltas(2, 2))).toEqual(told);
        await log.open(runId, 2, emptied);
        expect(await log.append(runId, 2, 1, deltas(1, 1))).toEqual(told);
      });
    });

    describe('reading', () => {
      it('begins at the current attempt without a cursor, or with one of an earlier attempt', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 4));
        expect(await ids()).toEqual(['1-0', '1-1', '1-2', '1-3', '1-4']);
        await log.open(runId, 3, emptied);
        await log.append(runId, 3, 1, deltas(1, 1));
        for (const cursor of [null, { attempt: 1, seq: 2 }, { attempt: 1, seq: 9 }, { attempt: 2, seq: 0 }]) {
          expect(await ids(cursor)).toEqual(['3-0', '3-1']);
        }
      });

      it('goes on after the cursor, and has nothing after the newest or a future one', async () => {
        await log.open(runId, 1, started);
        await log.append(runId, 1, 1, deltas(1, 4));
        expect(await ids({ attempt: 1, seq: 0 })).toEqual(['1-1', '1-2', '1-3', '1-4']);
        expect(await ids({ attempt: 1, seq: 3 })).toEqual(['1-4']);
        for (const cursor of [
          { attempt: 1, seq: 4 },
          { attempt: 1, seq: 999_999_999 },
          { attempt: 7, seq: 0 },
        ]) {
          expect(await log.read(runId, cursor, 10)).toEqual({
            head: { id: { attempt: 1, seq: 4 }, closed: false },
            events: [],
          });
        }
      });

      it('gives pages of the size that was asked for, each with the head of that moment', async () => {
        await log.open(runId, 2, emptied);
        await log.append(runId, 2, 1, [...deltas(1, 5), completed]);
        const pages: string[][] = [];
        for (let cursor: EventId | null = null; ; ) {
          const page = await log.read(runId, cursor, 3);
          expect(page.head).toEqual({ id: { attempt: 2, seq: 6 }, closed: true });
          pages.push(idsOf(page.events));
          if (page.events.length < 3) break;
          cursor = page.events.at(-1)?.id ?? null;
        }
        expect(pages).toEqual([['2-0', '2-1', '2-2'], ['2-3', '2-4', '2-5'], ['2-6']]);
        // The second read, for a cursor of an earlier attempt, has the same limit.
        expect(idsOf((await log.read(runId, { attempt: 1, seq: 1 }, 2)).events)).toEqual(['2-0', '2-1']);
      });

      it('tells many heads in the order asked for, with null for what is absent', async () => {
        const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
        await log.open(first, 1, started);
        await log.open(third, 4, emptied);
        await log.append(third, 4, 1, [delta('1 '), completed]);
        await log.requestCancel(second);
        const one = { id: { attempt: 1, seq: 0 }, closed: false };
        const three = { id: { attempt: 4, seq: 2 }, closed: true };
        expect(await log.heads([third, second, first, runId, third])).toEqual([
          three,
          null,
          one,
          null,
          three,
        ]);
        expect(await log.heads([])).toEqual([]);
      });
    });

    describe('a feed', () => {
      it('offers every appended event once and in order, of the runs that are listened to and no others', async () => {
        const heard: [string, LoggedEvent][] = [];
        const feed = await subject.feed({
          onEvent: (id, event) => heard.push([id, event]),
          onInterruption: () => undefined,
        });
        const [other, later] = [randomUUID(), randomUUID()];
        await log.open(runId, 1, started);
        await feed.listen(runId);
        await log.append(runId, 1, 1, deltas(1, 2));
        await log.append(runId, 1, 1, deltas(1, 3));
        await log.open(other, 1, started);
        await log.append(other, 1, 1, deltas(1, 2));
        await log.open(runId, 2, emptied);
        await log.open(runId, 2, emptied);
        await log.append(runId, 1, 4, [delta('stale')]);
        await log.append(runId, 2, 1, [delta(' a  b '), completed]);
        const own = () => heard.filter(([id]) => id === runId).map(([, event]) => event);
        await expect.poll(() => idsOf(own())).toEqual(['1-1', '1-2', '1-3', '2-0', '2-1', '2-2']);
        expect(own().slice(3)).toEqual(await readAll());

        feed.unlisten(runId);
        await feed.listen(later);
        await subject.lose(runId);
        await log.open(runId, 1, started);
        await log.open(later, 1, started);
        await expect.poll(() => heard.at(-1)?.[0]).toBe(later);
        expect(own()).toHaveLength(6);
        expect(heard.some(([id]) => id === other)).toBe(false);
      });
    });
  });
}
