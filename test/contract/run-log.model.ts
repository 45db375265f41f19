/**
 * The run log against a model of itself, under random orders of everything that several workers, readers and a store that
 * forgets can do: open, append (too early, too late, twice, of a lost attempt), ask to stop, read, lose, truncate. Each
 * implementation runs the same orders and has to answer what the model answers.
 */
import { randomUUID } from 'node:crypto';
import { compareEventIds, type EventId, formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { UnplacedEvent } from '@holdfast/shared/run-log/run-log.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { completed, delta, emptied, type RunLogSubject } from './run-log.contract.ts';

/** What is known of one log, and what the feed has to have told. */
interface Model {
  attempt: number;
  closed: boolean;
  stopped: boolean;
  /** Of the newest attempt; the opening is the first. */
  events: LoggedEvent[];
  written: string[];
}

interface Real {
  readonly subject: RunLogSubject;
  readonly runId: string;
  readonly heard: string[];
}

type Command = fc.AsyncCommand<Model, Real>;

const lastSeq = (model: Model): number => model.events.length - 1;
const line = ({ id, type, json }: LoggedEvent): string => `${formatEventId(id)} ${type} ${json}`;

function write(model: Model, seq: number, event: UnplacedEvent): void {
  const placed = { id: { attempt: model.attempt, seq }, ...event };
  model.events.push(placed);
  model.written.push(line(placed));
}

/** A command that is always possible, and its name for the report of a failure. */
const command = (name: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

const open = (attempt: number): Command =>
  command(`open(${attempt})`, async (model, { subject, runId }) => {
    const result = await subject.log.open(runId, attempt, emptied);
    if (model.attempt > attempt) return expect(result).toBe('fenced');
    if (model.closed) return expect(result).toBe('closed');
    expect(result).toBe('opened');
    if (model.attempt === attempt) return;
    model.attempt = attempt;
    model.events = [];
    write(model, 0, emptied);
  });

/** Attempt and place are told from where the log stands, so that most appends are nearly right. */
const append = (behind: number, shift: number, count: number, ends: boolean): Command =>
  command(`append(${behind}, ${shift}, ${count}, ${ends})`, async (model, { subject, runId }) => {
    const attempt = Math.max(1, model.attempt - behind);
    const firstSeq = Math.max(1, lastSeq(model) + 1 + shift);
    const events = Array.from({ length: count }, (_, n) => delta(`${attempt}.${firstSeq + n} `));
    if (ends) events.push(completed);
    const result = await subject.log.append(runId, attempt, firstSeq, events);
    if (model.attempt > attempt) return expect(result).toEqual({ status: 'fenced' });
    if (model.attempt < attempt) return expect(result).toEqual({ status: 'absent' });
    const isNew = firstSeq + events.length - 1 > lastSeq(model);
    if (isNew && model.closed) return expect(result).toEqual({ status: 'closed' });
    if (isNew && firstSeq > lastSeq(model) + 1) {
      return expect(result).toEqual({ status: 'gap', lastSeq: lastSeq(model) });
    }
    expect(result).toEqual({ status: 'appended', cancelRequested: model.stopped });
    for (const event of isNew ? events.slice(lastSeq(model) + 1 - firstSeq) : []) {
      write(model, lastSeq(model) + 1, event);
      model.closed = isTerminalType(event.type);
    }
  });

const requestCancel = command('requestCancel', async (model, { subject, runId }) => {
  await subject.log.requestCancel(runId);
  model.stopped = true;
});

const lose = command('lose', async (model, { subject, runId }) => {
  await subject.lose(runId);
  Object.assign(model, { attempt: 0, closed: false, stopped: false, events: [] });
});

const truncate = (part: number): Command => ({
  check: (model) => model.events.length > 0,
  async run(model, { subject, runId }) {
    const kept = Math.floor(part * model.events.length);
    await subject.truncate(runId, kept);
    model.events = model.events.slice(0, kept + 1);
    model.closed = false;
  },
  toString: () => `truncate(${part})`,
});

const read = (cursor: EventId | null, limit: number): Command =>
  command(`read(${cursor && formatEventId(cursor)}, ${limit})`, async (model, { subject, runId }) => {
    const page = await subject.log.read(runId, cursor, limit);
    const [head] = await subject.log.heads([runId]);
    const id = { attempt: model.attempt, seq: lastSeq(model) };
    expect(page.head).toEqual(model.attempt === 0 ? null : { id, closed: model.closed });
    expect(head).toEqual(page.head);
    const after = (event: LoggedEvent) =>
      cursor === null || cursor.attempt < model.attempt || compareEventIds(event.id, cursor) > 0;
    expect(page.events.map(line)).toEqual(model.events.filter(after).slice(0, limit).map(line));
  });

const cursor = fc.option(fc.record({ attempt: fc.integer({ min: 1, max: 5 }), seq: fc.nat(8) }));
const commands = [
  fc.integer({ min: 1, max: 5 }).map(open),
  fc
    .tuple(
      fc.constantFrom(0, 0, 0, 0, 1, -1),
      fc.constantFrom(0, 0, 0, -2, -1, 1, 3),
      fc.nat(4).map((n) => n + 1),
      fc.constantFrom(false, false, false, true),
    )
    .map((parts) => append(...parts)),
  fc.constant(requestCancel),
  fc.constant(lose),
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map(truncate),
  fc.tuple(cursor, fc.integer({ min: 1, max: 6 })).map((parts) => read(...parts)),
];

/** `runs`: how many orders; each is up to 40 commands, and a store over the network takes some of its time for each. */
export function describeRunLogModel(name: string, create: () => Promise<RunLogSubject>, runs: number): void {
  let subject: RunLogSubject;
  beforeAll(async () => {
    subject = await create();
  });
  afterAll(() => subject.close());

  it(`${name} answers as its model does, whatever the order, and its feed tells all that was written, once and in order`, async () => {
    const heardOf = new Map<string, string[]>();
    const feed = await subject.feed({
      onEvent: (runId, event) => heardOf.get(runId)?.push(line(event)),
      onInterruption: () => undefined,
    });
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: 'max' }), async (order) => {
        const runId = randomUUID();
        const heard: string[] = [];
        heardOf.set(runId, heard);
        await feed.listen(runId);
        const model: Model = { attempt: 0, closed: false, stopped: false, events: [], written: [] };
        await fc.asyncModelRun(() => ({ model, real: { subject, runId, heard } }), order);
        await expect.poll(() => heard.length, { timeout: 10_000, interval: 1 }).toBe(model.written.length);
        expect(heard).toEqual(model.written);
        feed.unlisten(runId);
        heardOf.delete(runId);
        await subject.lose(runId);
      }),
      { seed: 20_261_121, numRuns: runs },
    );
  });
}
