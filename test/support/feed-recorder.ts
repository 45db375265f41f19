/**
 * A reading client of `/api/events` that resumes over any number of connections and servers, and writes down everything,
 * also every breach of the protocol. It goes on until it is stopped: a feed has no end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveEvent } from '@holdfast/shared/http/sync.ts';
import { createFeedRecord, type FeedRecord } from './feed-record.ts';
import { type EventStream, openEventStream } from './sse-reader.ts';

export interface FollowFeedOptions {
  /** Origins; each new connection goes to the next one. */
  readonly bases: readonly string[];
  /** Conversations whose run events are wanted, too. */
  readonly follow?: readonly string[];
  /** Where to begin: a page that was reloaded. */
  readonly cursor?: string;
  /** How the cursor is sent back. Default: header. */
  readonly cursorBy?: 'header' | 'query';
  readonly headers?: Readonly<Record<string, string>>;
  /** Body bytes after which a connection (from 0) vanishes; null: never. */
  readonly cutAfter?: (connection: number) => number | null;
  /** At the most this long between two connections, whatever `retry:` says; default 100 ms. */
  readonly retryMsMax?: number;
  /** Called before each connection is opened. */
  readonly onOpen?: (connection: number) => void;
  /** Called after each event was noted. */
  readonly onEvent?: (event: LiveEvent, record: FeedRecord) => void;
}

/** A client at work. */
export interface FeedFollowing {
  /** Goes on changing until it is stopped. */
  readonly record: FeedRecord;
  /** Resolves when the first connection has said where it begins; rejects when it is refused. */
  readonly ready: Promise<void>;
  /** Stops reading the socket of the connection that is open, and those that follow. */
  stall(): void;
  resume(): void;
  /** Drops the connection that is open; the next one follows. */
  cut(): void;
  /** Ends the following; resolves when the last connection is closed. */
  stop(): Promise<void>;
}

/** Starts to follow a feed. A refusal (4xx) ends it and is noted in the record. */
export function followFeed(options: FollowFeedOptions): FeedFollowing {
  const { record, apply } = createFeedRecord(options.follow ?? [], options.cursor ?? null);
  const stopped = new AbortController();
  const ready = Promise.withResolvers<void>();
  let stream: EventStream | null = null;
  let stalled = false;

  async function connect(): Promise<number | null> {
    const number = record.connections.length;
    const { href, headers } = address(options, number, record.cursor);
    const connection = { cursor: record.cursor, status: null as number | null, events: 0, comments: 0 };
    record.connections.push(connection);
    options.onOpen?.(number);
    try {
      stream = await openEventStream(href, {
        headers,
        cutAfterBytes: options.cutAfter?.(number) ?? Infinity,
        signal: stopped.signal,
      });
    } catch {
      return null;
    }
    connection.status = stream.status;
    if (stalled) stream.stall();
    for await (const item of stream) {
      if (item.kind === 'comment') connection.comments += 1;
      if (item.kind !== 'event') continue;
      connection.events += 1;
      const event = apply(item, { number, isFirst: connection.events === 1, cursor: connection.cursor });
      if (event?.type === 'ready' || event?.type === 'resync') ready.resolve();
      if (event) options.onEvent?.(event, record);
    }
    return stream.status;
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      const status = await connect();
      stream = null;
      if (status !== null && status >= 400 && status < 500) {
        ready.reject(new Error(`refused with ${status}`));
        return;
      }
      await sleep(options.retryMsMax ?? 100, undefined, { signal: stopped.signal }).catch(() => {});
    }
  }

  const done = run();
  // What `onEvent` throws is a failure of the test that passed it.
  done.catch((error: unknown) => record.violations.push({ rule: 'threw', event: String(error) }));
  ready.promise.catch(() => {});
  return {
    record,
    ready: ready.promise,
    stall() {
      stalled = true;
      stream?.stall();
    },
    resume() {
      stalled = false;
      stream?.resume();
    },
    cut: () => stream?.cut(),
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

function address(options: FollowFeedOptions, number: number, cursor: string | null) {
  const url = new URL('/api/events', options.bases[number % options.bases.length]);
  const headers: Record<string, string> = { ...options.headers };
  if (options.follow?.length) url.searchParams.set('follow', options.follow.join(','));
  if (cursor !== null && options.cursorBy === 'query') url.searchParams.set('cursor', cursor);
  else if (cursor !== null) headers['last-event-id'] = cursor;
  return { href: url.href, headers };
}
