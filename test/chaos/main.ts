/**
 * `npm run chaos -- --seconds N --seed S [--users N] [--json FILE] [--plan] [--keep]`: see run.ts. Without a seed the date
 * and time are one. Ends with 0 when all promises were kept, with 1 when not, with 2 when there is no verdict.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tellFault } from './plan.ts';
import { summarise, tell } from './report.ts';
import { planOf, runChaos } from './run.ts';

const secondsDefault = '60';

function readCommand() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: secondsDefault },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1_000) % 1_000_000) },
      users: { type: 'string' },
      json: { type: 'string' },
      plan: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const numbers = [values.seconds, values.seed, values.users ?? '1'].map(Number);
  if (!numbers.every((each) => Number.isInteger(each) && each >= 0) || Number(values.seconds) < 20) {
    throw new Error('--seconds (20 or more), --seed and --users are whole numbers');
  }
  const users = values.users === undefined ? {} : { users: Number(values.users) };
  return { ...values, seconds: Number(values.seconds), seed: Number(values.seed), of: users };
}

async function main(): Promise<number> {
  const command = readCommand();
  if (command.plan) {
    console.log(planOf(command).map(tellFault).join('\n'));
    return 0;
  }
  // Passable for others: as root, Postgres runs as somebody else.
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-chaos-'));
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const options = { seconds: command.seconds, seed: command.seed, dir, ...command.of };
  let keep = command.keep;
  try {
    const result = await runChaos({ ...options, signal: stopping.signal, log: console.log });
    console.log(`\n${tell(result, options)}`);
    if (command.json) writeFileSync(command.json, `${JSON.stringify(summarise(result, options), null, 2)}\n`);
    keep ||= result.violations.length > 0;
    return result.violations.length > 0 ? 1 : 0;
  } catch (error) {
    if (stopping.signal.aborted) console.error('Stopped.');
    else console.error(error);
    keep ||= !stopping.signal.aborted;
    if (keep) console.error(`No verdict. The logs are in ${dir}.`);
    return 2;
  } finally {
    if (!keep) rmSync(dir, { recursive: true, force: true });
  }
}

// Clients that wait for nothing any more must not hold the process.
process.exit(await main());
