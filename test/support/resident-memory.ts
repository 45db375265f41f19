import { execFileSync } from 'node:child_process';

const bytesPerKilobyte = 1024;

/** The memory that a process really occupies now, in bytes, as `ps` tells it on every Unix. */
export function residentBytes(pid: number): number {
  const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Number(kilobytes.trim()) * bytesPerKilobyte;
}
