/** What a chaos run says in the end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '../support/checker/check.ts';
import { tellDecision } from '../support/checker/promises.ts';
import type { ChaosOptions, ChaosResult } from './run.ts';

type Command = Pick<ChaosOptions, 'seconds' | 'seed' | 'dir'>;

/** The command that repeats the plan and what everybody wants; who is quicker is not repeated. */
export const commandOf = ({ seconds, seed }: Pick<Command, 'seconds' | 'seed'>): string =>
  `npm run chaos -- --seconds ${seconds} --seed ${seed}`;

/** The summary as data. */
export function summarise({ counts, faults, decisions, redis, violations }: ChaosResult, command: Command) {
  const { seconds, seed } = command;
  return {
    command: commandOf(command),
    seconds,
    seed,
    redis,
    counts,
    faults,
    faultsTotal: Object.values(faults).reduce((sum, { times }) => sum + times, 0),
    promises: decisions,
    rules: Object.fromEntries(
      [...Map.groupBy(violations, ({ rule }) => rule)].map(([rule, of]) => [rule, of.length]),
    ),
  };
}

/** What `--json` writes. */
export type Summary = ReturnType<typeof summarise>;

/** The summary for people; with violations also the first of each rule, and the file with everything. */
export function tell(result: ChaosResult, command: Command): string {
  const { counts, faults, decisions, redis, violations, history } = result;
  const lines = [
    `seed ${command.seed}, ${command.seconds} s, ${redis}`,
    '',
    'faults (how often, and how many processes, connections, clients they hit)',
    ...Object.entries(faults)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([kind, { times, hits }]) =>
          `  ${kind.padEnd(22)}${String(times).padStart(5)}${String(hits).padStart(7)}`,
      ),
    '',
    Object.entries(counts)
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
    '',
    'promises',
    ...decisions.map(tellDecision),
  ];
  if (violations.length === 0) return [...lines, '', 'No promise was broken.'].join('\n');
  const file = join(command.dir, `history-${command.seed}.json`);
  writeFileSync(file, JSON.stringify(history));
  const rules = [...Map.groupBy(violations, ({ rule }) => rule)];
  return [
    ...lines,
    '',
    `${violations.length} violations: ${rules.map(([rule, of]) => `${rule} ${of.length}`).join(', ')}`,
    '',
    ...rules.flatMap(([, [first]]) => (first ? [explain(history, first), ''] : [])),
    `The whole history is ${file}, logs are beside it. To repeat the plan: ${commandOf(command)}`,
  ].join('\n');
}
