/**
 * One open SSE response with its bounded queue.
 *
 * open    frames that become ready together go out in one write
 * full    the reader takes less than it is sent: nothing more is queued until the socket has drained
 * ended   nothing more is queued; what was, goes out in the reader's time
 * closed  the response has gone out, or the reader is gone; reached from any, never left
 *
 * One timer serves all connections: heartbeats, the end of a long life, and the cutting off of readers that do not read.
 */
import type { ServerResponse } from 'node:http';
import { sleep } from '@holdfast/shared/abort.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { writeFrames } from './chunk.ts';
import { eventFrame, eventsFrame, heartbeatFrame, positionFrame, retryFrame } from './frame.ts';

/** What one reader may keep in our memory beyond the kernel's socket buffer. */
export const bufferBytesMax = 64 * 1024;

/** A socket that took nothing for so long belongs to nobody any more; a reader that lives can come back by cursor. */
export const stalledMsMax = 60_000;

/** How often all connections are looked at: the precision of the times above and of the settings. */
const tickMs = 1_000;

/** Readers of one process come back spread over this time after a deploy, not all in one second. */
const retryMsMin = 500;
const retryMsMax = 2_000;

export interface ConnectionSettings {
  /** Longest silence on a connection; proxies cut idle ones after 60 s or less. */
  readonly heartbeatMs: number;
  /**
   * After this the connection ends cleanly and the client resumes. A half-open peer is not noticed by writing to it,
   * and who may read is checked anew. Each connection draws its own from the upper half.
   */
  readonly lifeMsMax: number;
  readonly connectionsMax: number;
}

export interface Connection {
  /** Whether more than `bufferBytesMax` waits for the reader. */
  readonly full: boolean;
  send(event: LoggedEvent): void;
  /** Sends all of them as one frame, or none and returns false where more would wait then than may. */
  sendAll(events: readonly LoggedEvent[]): boolean;
  sendPosition(position: QueuePosition): void;
  /** Sends a prepared frame. */
  sendFrame(frame: Buffer): void;
  /** Resolves when the reader has taken what was sent, or is gone. */
  whenWritable(): Promise<void>;
  /** Sends what is queued and ends the response. */
  end(): void;
}

export interface Connections {
  readonly count: number;
  readonly atLimit: boolean;
  /** Takes over a response whose head was written. `onClose` is called once, whoever ends it. */
  open(response: ServerResponse, onClose: () => void): Connection;
  /** Ends all connections, spread evenly over `spreadMs`, or at once when `hurry` is aborted. */
  drain(spreadMs: number, hurry: AbortSignal): Promise<void>;
  close(): void;
}

interface TrackedConnection extends Connection {
  tick(now: number): void;
  flush(): void;
}

/** The connections of one API process. */
export function createConnections(settings: ConnectionSettings): Connections {
  const open = new Set<TrackedConnection>();
  let unflushed: TrackedConnection[] = [];

  function flushAll(): void {
    const connections = unflushed;
    unflushed = [];
    for (const connection of connections) connection.flush();
  }

  function track(response: ServerResponse, onClose: () => void): TrackedConnection {
    const endsAt = performance.now() + settings.lifeMsMax * (0.5 + Math.random() / 2);
    let frames: Buffer[] = [];
    let framesBytes = 0;
    let isFirst = true;
    let lastWriteAt = performance.now();
    let fullSince: number | null = null;
    let endedAt: number | null = null;
    let closed = false;
    let waiting: (() => void)[] = [];

    function push(frame: Buffer): void {
      // Writing after the end would destroy the response, and take from a slow reader what is still on its way.
      if (closed || endedAt !== null) return;
      framesBytes += frame.byteLength;
      // Everything that one turn of the event loop makes ready leaves in one write.
      if (frames.push(frame) > 1) return;
      if (unflushed.push(connection) === 1) setImmediate(flushAll);
    }

    function resumeWaiting(): void {
      fullSince = null;
      const resumed = waiting;
      waiting = [];
      for (const resume of resumed) resume();
    }

    const connection: TrackedConnection = {
      get full() {
        return framesBytes + response.writableLength > bufferBytesMax;
      },
      send(event) {
        push(eventFrame(event));
      },
      sendAll(events) {
        const frame = eventsFrame(events);
        if (framesBytes + response.writableLength + frame.byteLength > bufferBytesMax) return false;
        push(frame);
        return true;
      },
      sendPosition(position) {
        push(positionFrame(position));
      },
      sendFrame: push,
      flush() {
        if (closed || framesBytes === 0) return;
        writeFrames(response, frames, framesBytes, isFirst);
        isFirst = false;
        frames = [];
        framesBytes = 0;
        lastWriteAt = performance.now();
        if (connection.full) fullSince ??= lastWriteAt;
      },
      whenWritable() {
        connection.flush();
        if (closed || !connection.full) return Promise.resolve();
        // `drain` alone would wait for ever on a reader that vanished: `close` resumes as well.
        return new Promise((resolve) => waiting.push(resolve));
      },
      end() {
        if (closed || endedAt !== null) return;
        connection.flush();
        endedAt = performance.now();
        response.end();
      },
      tick(now) {
        // A reader that never takes the end would keep its place for ever.
        const waitsSince = fullSince ?? endedAt;
        if (waitsSince !== null) {
          if (now - waitsSince > stalledMsMax) response.destroy();
        } else if (now >= endsAt) {
          connection.end();
        } else if (now - lastWriteAt > settings.heartbeatMs - tickMs) {
          push(heartbeatFrame);
        }
      },
    };

    // What bypasses the response drains without it. The socket may serve a later request: its listener goes in time.
    const { socket } = response;
    socket?.on('drain', resumeWaiting);
    response.on('drain', resumeWaiting);
    // Without a handler, writing to a reader that is gone would end the process.
    response.on('error', () => response.destroy());
    response.on('close', () => {
      closed = true;
      socket?.off('drain', resumeWaiting);
      open.delete(connection);
      resumeWaiting();
      onClose();
    });
    open.add(connection);
    push(retryFrame(retryMsMin + Math.floor(Math.random() * (retryMsMax - retryMsMin))));
    return connection;
  }

  const timer = setInterval(() => {
    const now = performance.now();
    for (const connection of open) connection.tick(now);
  }, tickMs);
  timer.unref();

  return {
    get count() {
      return open.size;
    },
    get atLimit() {
      return open.size >= settings.connectionsMax;
    },
    open: track,
    async drain(spreadMs, hurry) {
      const leaving = [...open];
      await Promise.all(
        leaving.map(async (connection, index) => {
          await sleep((spreadMs * index) / leaving.length, hurry);
          connection.end();
        }),
      );
      // Those who came meanwhile are to see an end, too, and not a connection that breaks.
      for (const connection of open) connection.end();
    },
    close() {
      clearInterval(timer);
    },
  };
}
