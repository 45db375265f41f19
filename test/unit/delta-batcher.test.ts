import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeltaBatcher } from '../../apps/worker/src/delta-batcher.ts';

/** Text of every kind, cut anywhere, also in the middle of a character; and halves that never find each other. */
const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('a', '\ud83d', '\udc4b', '\ud83d\udc4b', '\u0000', '\r\n', '世'),
    maxLength: 12,
  }),
);

/** What happens in which order: the model sends a piece, or Redis takes the write that is under way. */
const step = fc.oneof(piece, fc.constant(null), fc.constant(null));

const isLone = (text: string): boolean => !text.isWellFormed();

/** Microtasks of the batcher run; nothing here waits for time. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A log whose writes take until the test lets them. */
function controllableLog(failAt = Number.POSITIVE_INFINITY) {
  const written: string[] = [];
  let taking: (() => void) | null = null;
  let wroteTwiceAtOnce = false;
  return {
    written,
    get writing() {
      return taking !== null;
    },
    get wroteTwiceAtOnce() {
      return wroteTwiceAtOnce;
    },
    write(text: string): Promise<void> {
      wroteTwiceAtOnce ||= taking !== null;
      const fails = written.push(text) > failAt;
      return new Promise((resolve, reject) => {
        taking = () => {
          taking = null;
          if (fails) reject(new Error('the log is gone'));
          else resolve();
        };
      });
    },
    async take(): Promise<void> {
      taking?.();
      await settle();
    },
    async takeAll(): Promise<void> {
      await settle();
      while (taking) await this.take();
    },
  };
}

describe('the delta batcher', () => {
  it('writes what was pushed, whatever the pieces and the pace of the log: whole characters, bounded, one at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 2, max: 12 }),
        async (steps, charsMax) => {
          const log = controllableLog();
          const batcher = createDeltaBatcher(log.write, charsMax);
          let pushed = '';
          for (const text of steps) {
            if (text === null) {
              await log.take();
              continue;
            }
            const idle = !log.writing;
            batcher.push(text);
            pushed += text;
            // All but half a character, which waits for its other half, is on its way at once.
            const whole = pushed.slice(log.written.join('').length).replace(/[\ud800-\udbff]$/, '');
            if (idle && whole !== '') expect(log.writing).toBe(true);
          }
          const flushed = batcher.flush();
          await log.takeAll();
          await flushed;
          expect(log.written.join('')).toBe(pushed.toWellFormed());
          expect(log.written.filter(isLone)).toEqual([]);
          for (const text of log.written) {
            expect(text.length).toBeGreaterThan(0);
            expect(text.length).toBeLessThanOrEqual(charsMax);
          }
          expect(log.wroteTwiceAtOnce).toBe(false);
        },
      ),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it('writes the first piece at once and puts what comes during a write into the next one', async () => {
    const log = controllableLog();
    const batcher = createDeltaBatcher(log.write);
    batcher.push('Hold');
    expect(log.written).toEqual(['Hold']);
    batcher.push('fa');
    batcher.push('st');
    expect(log.written).toEqual(['Hold']);
    await log.take();
    expect(log.written).toEqual(['Hold', 'fast']);
    await log.take();
    batcher.push('!');
    expect(log.written).toEqual(['Hold', 'fast', '!']);
  });

  it('forgets no piece that comes in the very moment in which a write ends', async () => {
    for (let ticks = 0; ticks < 8; ticks++) {
      const log = controllableLog();
      const batcher = createDeltaBatcher(log.write);
      batcher.push('Hold');
      const taken = log.take();
      for (let n = 0; n < ticks; n++) await Promise.resolve();
      batcher.push('fast');
      await taken;
      expect(log.written).toEqual(['Hold', 'fast']);
    }
  });

  it('keeps half a character until its other half comes', async () => {
    const log = controllableLog();
    const batcher = createDeltaBatcher(log.write);
    batcher.push('\ud83d');
    expect(log.written).toEqual([]);
    batcher.push('\udc4b');
    expect(log.written).toEqual(['👋']);
  });

  it('writes nothing more after a write that failed, and every flush rejects with that failure', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(5), async (steps, failAt) => {
        const log = controllableLog(failAt);
        const batcher = createDeltaBatcher(log.write, 4);
        for (const text of [...steps, 'the end']) {
          if (text === null) await log.take();
          else batcher.push(text);
        }
        const flushed = batcher.flush().then(
          () => 'all written',
          (error: Error) => error.message,
        );
        await log.takeAll();
        const failed = log.written.length > failAt;
        expect(await flushed).toBe(failed ? 'the log is gone' : 'all written');
        if (!failed) return;
        expect(log.written).toHaveLength(failAt + 1);
        batcher.push('more');
        await log.takeAll();
        expect(log.written).toHaveLength(failAt + 1);
        await expect(batcher.flush()).rejects.toThrow('the log is gone');
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
