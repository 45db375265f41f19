/**
 * Turns the pieces that a model sends into deltas, as few as the log can take and no later than it can: the first piece
 * is written at once, and what arrives while a write is under way goes into the next one. So a slow model streams piece
 * by piece, and a busy Redis gets fewer, larger writes instead of a queue.
 */

/** One delta is one Redis message and one frame in every reader's buffer: it should stay a fraction of 64 KiB. */
export const deltaCharsMax = 8_192;

export interface DeltaBatcher {
  /** Takes a piece of text. Never waits. */
  push(text: string): void;
  /** Resolves when all text is written; rejects with the first error of `write`, after which nothing more is written. */
  flush(): Promise<void>;
}

/**
 * `write` is called with one delta at a time, in order, each well-formed UTF-16 of at most `charsMax` units. Fewer than
 * two units have no room for every character: it would wait for ever.
 */
export function createDeltaBatcher(
  write: (text: string) => Promise<void>,
  charsMax: number = deltaCharsMax,
): DeltaBatcher {
  let pending = '';
  let writing = false;
  let written: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | null = null;

  /** How many units can be written without splitting a character: its second half may still be on its way. */
  function wholeLength(): number {
    const length = Math.min(pending.length, charsMax);
    const last = pending.charCodeAt(length - 1);
    return last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
  }

  async function writeAll(): Promise<void> {
    try {
      for (let length = wholeLength(); length > 0; length = wholeLength()) {
        const delta = length === pending.length ? pending : pending.slice(0, length);
        pending = length === pending.length ? '' : pending.slice(length);
        await write(delta.toWellFormed());
      }
    } catch (error) {
      failure = { error };
      pending = '';
    }
    // In the same turn as the last look at what is pending: no piece can come in between and be left.
    writing = false;
  }

  function start(): void {
    if (writing || wholeLength() === 0) return;
    writing = true;
    written = writeAll();
  }

  async function settled(): Promise<void> {
    while (writing) await written;
  }

  return {
    push(text) {
      if (failure) return;
      pending += text;
      start();
    },
    async flush() {
      await settled();
      if (!failure && pending !== '') {
        // Half a character whose second half never came.
        pending = pending.toWellFormed();
        start();
        await settled();
      }
      if (failure) throw failure.error;
    },
  };
}
