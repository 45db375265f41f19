/** CPU and memory of processes and of everything they started, as the kernel counts them (Linux: proc(5)). */
import { readdirSync, readFileSync } from 'node:fs';

/** `utime` and `stime` are counted in these; 100 per second on every Linux that Node runs on (USER_HZ). */
const ticksPerSecond = 100;
const pageBytes = 4_096;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuMs: number;
  readonly residentBytes: number;
}

function readStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold spaces and parentheses; what follows the last one does not.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number) => Number(fields[number - 3]);
    return {
      pid,
      parent: field(4),
      cpuMs: ((field(14) + field(15)) * 1_000) / ticksPerSecond,
      residentBytes: field(24) * pageBytes,
    };
  } catch {
    return null; // it ended while we looked
  }
}

/** The processes with these ids and their descendants: a server behind a guardian, the backends of Postgres. */
function family(roots: readonly number[]): ProcessStat[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const byParent = Map.groupBy(stats, (stat) => stat.parent);
  const found = stats.filter((stat) => roots.includes(stat.pid));
  const seen = new Set(found.map((stat) => stat.pid));
  for (const stat of found) {
    for (const child of byParent.get(stat.pid) ?? []) {
      if (seen.has(child.pid)) continue;
      seen.add(child.pid);
      found.push(child);
    }
  }
  return found;
}

/** CPU time, user and system, that these processes and their descendants have used so far, in ms. */
export function cpuMs(pids: readonly number[]): number {
  return family(pids).reduce((sum, stat) => sum + stat.cpuMs, 0);
}

/** Resident memory of one process, in bytes; 0 when it has ended. */
export function residentBytes(pid: number): number {
  return readStat(pid)?.residentBytes ?? 0;
}
