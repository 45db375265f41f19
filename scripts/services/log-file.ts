import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** One older file is kept beside each log, so that a chatty process cannot fill the disk over many starts. */
const logBytesMax = 8 * 1024 * 1024;
/** Enough for the last words of a process; reading a whole log to show three lines would be waste. */
const tailBytesMax = 16 * 1024;

export interface LogFile {
  /** Opened for appending, to be handed to a child and then closed here. */
  readonly fd: number;
  /** The last lines written since it was opened, newest last. */
  lastLines(count: number): string[];
  /** The one line that best says why the process ended. */
  lastWords(): string;
}

/** Opens a log for appending, moving a file that has grown too large out of the way. */
export function openLog(path: string): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path) && statSync(path).size > logBytesMax) renameSync(path, `${path}.1`);
  const fd = openSync(path, 'a', 0o600);
  const from = statSync(path).size;
  const lastLines = (count: number) => readLines(path, from).slice(-count);
  return { fd, lastLines, lastWords: () => pickReason(lastLines(60)) };
}

function readLines(path: string, from: number): string[] {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return []; // removed together with its folder, as tests do
  }
  try {
    const size = statSync(path).size;
    const start = Math.max(from, size - tailBytesMax);
    const bytes = Buffer.alloc(Math.max(0, size - start));
    readSync(fd, bytes, 0, bytes.length, start);
    return bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
  } finally {
    closeSync(fd);
  }
}

/** Structured log lines are for machines: the reason is the last line of plain text, if there is one. */
function pickReason(lines: string[]): string {
  const plain = lines.filter((line) => !line.startsWith('{'));
  const last = plain.at(-1);
  if (last === undefined) return messageOf(lines.at(-1));
  // An uncaught error ends with its stack and the version of Node; what went wrong stands above those.
  if (!/^Node\.js v\d/.test(last)) return last.trim();
  return (plain.findLast((line) => /^(\w*Error|error)\b.*: /.test(line)) ?? last).trim();
}

function messageOf(line: string | undefined): string {
  if (line === undefined) return 'it wrote nothing to its log';
  try {
    const entry = JSON.parse(line) as { msg?: unknown };
    return typeof entry.msg === 'string' ? entry.msg : line;
  } catch {
    return line;
  }
}
