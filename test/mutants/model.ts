/** Runs the model of a tree in a process of its own: it takes the clock away from everything in its process. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface ModelOutcome {
  readonly passed: boolean;
  /** What it says of itself. */
  readonly line: string;
}

/** A world lives for a millisecond: a large nursery, and errors without stacks, are a tenth of the time. */
const flags = ['--max-semi-space-size=64', '--stack-trace-limit=0'];

/** Far more than 100,000 interleavings take. */
const modelMsMax = 240_000;

/** Plays this many interleavings with the source of the tree at `root`. Throws when the model itself does not run. */
export function runModel(root: string, runs: number): ModelOutcome {
  const program = join(root, 'test/unit/model-main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, program, String(runs)], {
    encoding: 'utf8',
    timeout: modelMsMax,
  });
  const [line = ''] = stdout.split('\n');
  if (!/^(kept|broken): /.test(line)) throw new Error(`the model does not run (${status}): ${stderr}`);
  return { passed: status === 0, line };
}
