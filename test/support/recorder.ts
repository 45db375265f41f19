/**
 * A reading client that follows one run to its end over any number of connections and servers, and writes down
 * everything, also every breach of the protocol.
 *
 * connecting ⇄ reading → done: `terminal`, `no-content` (204), `refused` (a status that will not change), `aborted`,
 * `gave-up` (too many connections)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRunRecord, type Earlier, type RecordedEvent, type RunRecord } from './run-record.ts';
import { type EventStream, openEventStream } from './sse-reader.ts';

export type Ending = 'terminal' | 'no-content' | 'refused' | 'aborted' | 'gave-up';

export interface FollowOptions {
  /** The run's events URL on one server. */
  readonly url: (base: string) => string;
  /** Origins, e.g. `http://127.0.0.1:3000`; each new connection goes to the next one. */
  readonly bases: readonly string[];
  /** How the cursor is sent back: Last-Event-ID, or `?cursor=`. Default: header. */
  readonly cursorBy?: 'header' | 'query';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Where to begin: a page that was reloaded. */
  readonly earlier?: Earlier;
  /** Body bytes after which a connection (from 0) vanishes; null: never. See `randomBytes` in chaos-proxy.ts. */
  readonly cutAfter?: (connection: number) => number | null;
  /** At the most this long between two connections, whatever `retry:` says; default 100 ms. */
  readonly retryMsMax?: number;
  /** Default 1,000. */
  readonly connectionsMax?: number;
  /** Connect once more with the terminal event's cursor: 204 is due. */
  readonly confirmEnd?: boolean;
  /** Called after each event was applied; what it throws ends the following. */
  readonly onEvent?: (event: RecordedEvent, record: Readonly<RunRecord>) => void;
}

/** A client at work. */
export interface Following {
  /** Goes on changing until `done`. */
  readonly record: RunRecord;
  /** How it ended. Rejects only with what `onEvent` threw. */
  readonly done: Promise<Ending>;
  /** Stops reading the socket of the connection that is open. */
  stall(): void;
  resume(): void;
  /** Drops the connection that is open; the next one follows. */
  cut(afterBytes?: number): void;
}

/** Short, so that tests with many cuts are quick; not 0, so that a dead server is not hammered. */
const retryMsDefault = 100;
const connectionsDefault = 1_000;

/** Starts to follow a run. */
export function followRun(options: FollowOptions): Following {
  const { record, apply } = createRunRecord(options.earlier);
  let stream: EventStream | null = null;
  let stalled = false;

  async function connect(): Promise<number | null> {
    const number = record.connections.length;
    const target = address(options, number, record.cursor);
    const connection = newConnection(target.url, record.cursor);
    record.connections.push(connection);
    const cutAfterBytes = options.cutAfter?.(number) ?? Infinity;
    try {
      stream = await openEventStream(target.href, {
        headers: target.headers,
        cutAfterBytes,
        ...(options.signal ? { signal: options.signal } : {}),
      });
    } catch (error) {
      connection.end = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      return null;
    }
    connection.status = stream.status;
    const openedAt = performance.now();
    if (stalled) stream.stall();
    for await (const item of stream) {
      if (item.kind === 'comment') connection.comments++;
      else if (item.kind === 'retry') connection.retryMs = item.ms;
      else {
        connection.events++;
        connection.firstEventMs ??= performance.now() - openedAt;
        const event = { connection: number, id: item.id, event: item.event, data: item.data };
        apply(event);
        options.onEvent?.(event, record);
      }
    }
    connection.end = await stream.ended;
    connection.silentMs = stream.silentMs();
    return stream.status;
  }

  async function follow(): Promise<Ending> {
    const connectionsMax = options.connectionsMax ?? connectionsDefault;
    while (record.connections.length < connectionsMax) {
      if (options.signal?.aborted) return 'aborted';
      const status = await connect();
      stream = null;
      if (record.terminal) return 'terminal';
      if (status === 204) return 'no-content';
      if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429)
        return 'refused';
      const retryMs = record.connections.at(-1)?.retryMs ?? Infinity;
      await pause(retryMs);
    }
    return 'gave-up';
  }

  async function pause(retryMs: number): Promise<void> {
    const ms = Math.min(retryMs, options.retryMsMax ?? retryMsDefault);
    // An abort ends the pause; the loop then sees it.
    await sleep(ms, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {});
  }

  async function run(): Promise<Ending> {
    const ending = await follow();
    if (ending === 'terminal' && options.confirmEnd) await confirmEnd();
    return ending;
  }

  /** A server that is down says nothing about the end: asked again until one answers. */
  async function confirmEnd(): Promise<void> {
    const terminal = record.terminal;
    for (let tries = options.bases.length * 10; tries > 0; tries--) {
      const status = await connect();
      if (status === 204 || options.signal?.aborted) return;
      if (status !== null && status < 500) break;
      await pause(Infinity);
    }
    record.violations.push({
      rule: 'not-ended',
      connection: record.connections.length - 1,
      id: null,
      after: terminal?.id ?? null,
      event: '',
    });
  }

  const done = run();
  // Whoever never looks at `done` must not bring the process down; whoever does still gets the rejection.
  done.catch(() => {});
  return {
    record,
    done,
    stall() {
      stalled = true;
      stream?.stall();
    },
    resume() {
      stalled = false;
      stream?.resume();
    },
    cut: (afterBytes) => stream?.cut(afterBytes),
  };
}

/** The record of a connection that is being made. */
export function newConnection(url: string, cursor: string | null): RunRecord['connections'][number] {
  const times = { silentMs: 0, firstEventMs: null };
  return { url, cursor, status: null, events: 0, comments: 0, retryMs: null, end: null, ...times };
}

function address(options: FollowOptions, number: number, cursor: string | null) {
  const base = options.bases[number % options.bases.length];
  if (base === undefined) throw new Error('a run can only be followed on at least one server');
  const url = options.url(base);
  const href = new URL(url);
  const headers: Record<string, string> = { ...options.headers };
  if (cursor !== null && options.cursorBy === 'query') href.searchParams.set('cursor', cursor);
  else if (cursor !== null) headers['last-event-id'] = cursor;
  return { url, href: href.href, headers };
}
