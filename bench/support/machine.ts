/** What the bench needs of a machine, and what stands beside its figures. */
import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { Explained } from '../../scripts/services/explained.ts';
import { findRedisBinary } from '../../scripts/services/redis.ts';

/** 5,000 readers, both ends of whose connections are on this machine, but never in one process. */
const openFilesMin = 8_000;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly redis: string;
  readonly date: string;
}

/** Throws Explained, a sentence for people, when figures cannot be measured here. */
export function checkMachine(): Machine {
  if (process.platform !== 'linux')
    throw new Explained('The bench reads CPU time and memory from /proc: run it on Linux.');
  const binary = findRedisBinary();
  if (binary === undefined)
    throw new Explained('The bench needs a native Redis: install redis-server or set REDIS_BIN to its path.');
  const openFilesMax = Number(spawnSync('sh', ['-c', 'ulimit -n']).stdout.toString());
  if (openFilesMax < openFilesMin)
    throw new Explained(
      `A process may open ${openFilesMax} files here; run \`ulimit -n ${openFilesMin}\` first.`,
    );
  const version = spawnSync(binary, ['--version']).stdout.toString();
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    redis: /v=(\S+)/.exec(version)?.[1] ?? version.trim(),
    date: new Date().toISOString(),
  };
}
