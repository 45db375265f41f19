/** Many runs at once, each with a reader that checks every event. */
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import type { Directive } from '../../../packages/stand-in/src/directive.ts';
import { scriptedText } from '../../../packages/stand-in/src/script.ts';
import { ask, question } from '../../support/ask.ts';
import { type Following, followRun } from '../../support/recorder.ts';

export interface AskedRun {
  readonly run: RunView;
  readonly reader: Following;
  readonly text: string;
  readonly key: string;
  /** When each event id came first, by `performance.now()`. */
  readonly cameAt: ReadonlyMap<string, number>;
  /** How often text that was shown was taken back. */
  readonly resets: () => number;
  /** How often a snapshot brought what was missing. */
  readonly snapshots: () => number;
}

/** Asks in a new conversation and follows the answer. The reader fails when what it shows is no beginning of the text. */
export async function askAndRead(
  base: string,
  directive: Directive & { readonly key: string },
): Promise<AskedRun> {
  const text = scriptedText(directive).join('');
  const { run } = await ask(base, question(directive));
  const cameAt = new Map<string, number>();
  let resets = 0;
  let snapshots = 0;
  let shown = 0;
  const reader = followRun({
    bases: [base],
    url: (origin) => `${origin}${run.eventsUrl}`,
    onEvent: (event, record) => {
      if (event.id !== null && !cameAt.has(event.id)) cameAt.set(event.id, performance.now());
      if (event.event === 'snapshot') snapshots += 1;
      if (record.text.length < shown) resets += 1;
      shown = record.text.length;
      if (!text.startsWith(record.text))
        throw new Error(`after ${event.id} the text is no beginning of the answer`);
    },
  });
  return { run, reader, text, key: directive.key, cameAt, resets: () => resets, snapshots: () => snapshots };
}

/** How many readers ended with anything but the whole text and `completed`, or saw a breach of the protocol. */
export async function badReaders(asked: readonly AskedRun[]): Promise<number> {
  const outcomes = await Promise.all(
    asked.map(async ({ reader, text, run }) => {
      const how = await reader.done.catch((error: Error) => error.message);
      const { record } = reader;
      const good =
        how === 'terminal' &&
        record.terminal?.type === 'completed' &&
        record.text === text &&
        record.violations.length === 0;
      if (!good)
        console.info(
          'bad reader',
          run.id,
          how,
          record.terminal,
          record.violations.slice(0, 3),
          record.ids.at(-1),
        );
      return good;
    }),
  );
  return outcomes.filter((good) => !good).length;
}
