/**
 * The load client: one process, raw sockets, the least parsing that can tell whether every event came once and in order.
 * The same for every side, and its CPU counts for none.
 */
import { connect, type Socket } from 'node:net';
import { askOnce, type Question } from '../support/ask.ts';
import { createLatencies } from '../support/latencies.ts';
import { ready, serve } from '../support/serve.ts';

interface Target {
  readonly port: number;
  /** One path per answer. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

interface Opening {
  readonly readersPerAnswer: number;
  /** Cursor of every reader; it then expects the event after it. */
  readonly cursor?: string;
  /** Resolve once each reader has the event of this place; otherwise once each has the head of its response. */
  readonly untilSeq?: number;
  /** Requests on their way at once; without it all are sent in the same moment. */
  readonly atOnceMax?: number;
  /** Only these answers. */
  readonly answers?: readonly number[];
}

interface Reader {
  readonly socket: Socket;
  rest: string;
  lastSeq: number;
  doneAt: number;
}

let target: Target = { port: 0, paths: [], headers: {} };
const readers = new Set<Reader>();
const latencies = createLatencies();
let events = 0;
let chunks = 0;
let bytes = 0;
let disorders = 0;
let refusals = 0;
let chunkChars = 0;

/** Takes whole frames off the text of a reader. Chunk headers of HTTP stand between frames and are stepped over. */
function take(reader: Reader, untilSeq: number, onDone: () => void): void {
  const { rest } = reader;
  const now = Number((process.hrtime.bigint() / 1_000n) % 1_000_000_000_000n);
  let at = 0;
  for (;;) {
    const start = rest.indexOf('id: 1-', at);
    const end = start < 0 ? -1 : rest.indexOf('\n\n', start);
    if (end < 0) {
      reader.rest = start < 0 ? rest.slice(-5) : rest.slice(start);
      return;
    }
    const seqEnd = rest.indexOf('\n', start);
    const seq = Number.parseInt(rest.slice(start + 6, start + 16), 10);
    const isSnapshot = rest.startsWith('event: snapshot', seqEnd + 1);
    if (seq !== reader.lastSeq + 1 && !isSnapshot) disorders += 1;
    reader.lastSeq = seq;
    events += 1;
    const textAt = rest.indexOf('{"text":"', start);
    if (textAt >= 0 && textAt < end && !isSnapshot) {
      latencies.add(now - Number(rest.slice(textAt + 9, textAt + 21)));
      if (chunkChars > 0) chunks += Math.round((end - 2 - textAt - 9) / chunkChars);
    }
    at = end + 2;
    if (seq >= untilSeq && reader.doneAt === 0) {
      reader.doneAt = performance.now();
      onDone();
    }
  }
}

function openReader(path: string, { cursor, untilSeq }: Opening): Promise<Reader> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
    const reader: Reader = {
      socket,
      rest: '',
      lastSeq: cursor === undefined ? -1 : Number(cursor.split('-')[1]),
      doneAt: 0,
    };
    let headSeen = false;
    const headers = { ...target.headers, ...(cursor === undefined ? {} : { 'last-event-id': cursor }) };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n${lines.join('')}\r\n`);
    socket.on('data', (data: Buffer) => {
      bytes += data.byteLength;
      reader.rest += data.toString('latin1');
      if (!headSeen) {
        const end = reader.rest.indexOf('\r\n\r\n');
        if (end < 0) return;
        if (!reader.rest.startsWith('HTTP/1.1 200')) {
          refusals += 1;
          socket.destroy();
          reject(new Error(`refused: ${reader.rest.slice(0, 400)}`));
          return;
        }
        headSeen = true;
        reader.rest = reader.rest.slice(end + 4);
        if (untilSeq === undefined) resolve(reader);
      }
      take(reader, untilSeq ?? Number.POSITIVE_INFINITY, () => resolve(reader));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      readers.delete(reader);
      reject(new Error('closed before it was there'));
    });
    readers.add(reader);
  });
}

/** Opens readers; resolves with the time from the start of all to each one's goal, in ms. */
async function open(opening: Opening): Promise<number[]> {
  const chosen = opening.answers ?? target.paths.map((_, answer) => answer);
  const paths = chosen.flatMap((answer) => {
    const path = target.paths[answer];
    return path === undefined ? [] : Array.from({ length: opening.readersPerAnswer }, () => path);
  });
  const times: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  async function lane(): Promise<void> {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
      const from = opening.atOnceMax === undefined ? startedAt : performance.now();
      const reader = await openReader(path, opening);
      times.push((reader.doneAt || performance.now()) - from);
    }
  }
  await Promise.all(Array.from({ length: Math.min(opening.atOnceMax ?? paths.length, paths.length) }, lane));
  return times;
}

serve({
  target(next: Target & { chunkChars?: number }) {
    target = next;
    chunkChars = next.chunkChars ?? 0;
  },
  open,
  /** Asks once and reads the answer's first event, and its first text. */
  ask: (question: Question) => askOnce(question),
  /** Counts from now on. */
  reset() {
    events = 0;
    chunks = 0;
    bytes = 0;
    latencies.reset();
  },
  stats: () => ({
    events,
    chunks,
    bytes,
    disorders,
    refusals,
    readers: readers.size,
    p50: latencies.percentile(0.5) / 1_000,
    p99: latencies.percentile(0.99) / 1_000,
  }),
  /** Breaks all connections off, as a network does. */
  async close() {
    for (const reader of readers) reader.socket.resetAndDestroy();
    readers.clear();
  },
});
ready();
