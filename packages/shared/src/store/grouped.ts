/**
 * Writes that many runs need at the same time, made together. One statement for five runs costs Postgres half of what one
 * for each costs, for twenty a sixth: most of a statement is its beginning and its commit.
 *
 * A lone write goes out at once and alone. What comes within `pauseMs` of the one before, or while that is under way,
 * waits and leaves as one group. A group that hangs holds up the next one for `patienceMs` and no longer.
 *
 * Nobody's fault may become another's: what a group leaves out (because somebody else holds its rows), and all of a group
 * that fails, is made alone, as it would have been without others.
 */
import { sleep } from '../abort.ts';

/** Writes in one statement: it holds their rows until all are done. */
const groupMax = 64;

/** For the same reason, and because one message to Postgres carries them all: UTF-16 units of text. */
const groupCharsMax = 1_000_000;

/** Nobody notices so much, and at 300 writes a second it makes groups of three or more. */
const pauseMsDefault = 10;

/** A statement takes a few milliseconds; one that takes so long waits for something that others need not wait for. */
const patienceMs = 100;

export interface GroupedOptions<I, O> {
  /** Makes what it can at once, without waiting for anybody's locks; undefined for what it left out, which it did not change. */
  readonly together: (items: readonly I[]) => Promise<readonly (O | undefined)[]>;
  readonly alone: (item: I) => Promise<O>;
  /** How much text it carries. */
  readonly charsOf?: (item: I) => number;
  readonly pauseMs?: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly made: PromiseWithResolvers<O>;
}

/** The returned function resolves with what `together` or `alone` made of its item, and rejects with what `alone` threw. */
export function createGrouped<I, O>({
  together,
  alone,
  charsOf = () => 0,
  pauseMs = pauseMsDefault,
}: GroupedOptions<I, O>): (item: I) => Promise<O> {
  let waiting: Waiting<I, O>[] = [];
  let open = true;
  let scheduled = false;

  function takeGroup(): readonly Waiting<I, O>[] {
    let count = 0;
    let chars = 0;
    for (const { item } of waiting) {
      chars += charsOf(item);
      if (count > 0 && (count === groupMax || chars > groupCharsMax)) break;
      count += 1;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return group;
  }

  async function makeAlone({ item, made }: Waiting<I, O>): Promise<void> {
    try {
      made.resolve(await alone(item));
    } catch (error) {
      made.reject(error);
    }
  }

  async function make(group: readonly Waiting<I, O>[]): Promise<void> {
    const [only] = group;
    if (only && group.length === 1) return makeAlone(only);
    const results = await together(group.map(({ item }) => item)).catch(() => []);
    group.forEach((each, place) => {
      const result = results[place];
      if (result === undefined) void makeAlone(each);
      else each.made.resolve(result);
    });
  }

  async function send(): Promise<void> {
    scheduled = false;
    open = false;
    const made = make(takeGroup());
    await Promise.all([sleep(pauseMs), Promise.race([made, sleep(patienceMs)])]);
    open = true;
    schedule();
  }

  function schedule(): void {
    if (scheduled || !open || waiting.length === 0) return;
    scheduled = true;
    // What else this turn of the event loop asks for comes along.
    setImmediate(() => void send());
  }

  return (item) => {
    const made = Promise.withResolvers<O>();
    waiting.push({ item, made });
    schedule();
    return made.promise;
  };
}
