import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const orphanStopTimeoutMs = 10_000;
const pollMs = 25;

/** The command line of a living process, or undefined when there is none with this id. */
export function commandLine(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // A zombie has an empty command line: it holds nothing any more.
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || undefined;
    }
    const found = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return found.trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends a server that an earlier, crashed start left on the same data. Its recorded id may by now belong to a
 * stranger, so the process is touched only when `isOurs` recognises its command line.
 */
export async function endOrphan(
  pid: number,
  stopSignal: NodeJS.Signals,
  isOurs: (commandLine: string) => boolean,
): Promise<void> {
  const alive = () => {
    const line = commandLine(pid);
    return line !== undefined && isOurs(line);
  };
  const deadline = Date.now() + orphanStopTimeoutMs;
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself in between.
    }
  };
  if (!alive()) return;
  signal(stopSignal);
  while (alive()) {
    if (Date.now() > deadline) signal('SIGKILL');
    await sleep(pollMs);
  }
}
