/** How many connections a process holds to a port of this machine, as the kernel knows (Linux: proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** `st` of an established connection. */
const established = '01';

export function connectionsTo(pid: number, port: number): number {
  const remote = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set(
    ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[2]?.endsWith(`:${remote}`) && fields[3] === established)
        .map((fields) => `socket:[${fields[9]}]`),
    ),
  );
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => inodes.has(targetOf(`/proc/${pid}/fd/${fd}`))).length;
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ''; // it was closed while we looked
  }
}
