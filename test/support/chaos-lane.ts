/**
 * One direction of one proxied connection: takes bytes from a socket and puts them into the other in the shape asked
 * for. open → ended (the source ended and everything was passed on) or cut.
 */
import type net from 'node:net';

/** `request`: client → server; `reply`: server → client. */
export type Direction = 'request' | 'reply';

/** How bytes go through; shared by all lanes of a proxy and changed while they run. */
export interface Shape {
  latencyMs: number;
  bytesPerSecond: number;
  sliceBytes: number;
}

export interface LaneOptions {
  readonly source: net.Socket;
  readonly sink: net.Socket;
  readonly shape: Readonly<Shape>;
  readonly onBytes: (bytes: number) => void;
  /** After this many bytes the lane passes on nothing and calls `onCut`. */
  readonly cutAfter?: number;
  readonly onCut?: () => void;
}

export interface Lane {
  /** Stops reading the source and writing the sink. */
  hold(): void;
  release(): void;
}

/** Bytes that wait here (latency, rate, a slow sink) before the source is no longer read: TCP then slows the sender. */
const waitingBytesMax = 256 * 1024;
/** How finely a rate is kept: each turn passes on what this time allows. */
const rateTurnMs = 10;

/** The sockets keep a test's process alive, not the delay of bytes that nobody will get. */
const wait = (turn: () => void, ms: number): void => void setTimeout(turn, ms).unref();

/** Joins two sockets in one direction. The sockets' errors are the caller's to handle. */
export function createLane({ source, sink, shape, onBytes, cutAfter = Infinity, onCut }: LaneOptions): Lane {
  const waiting: { bytes: Buffer; dueMs: number }[] = [];
  let waitingBytes = 0;
  let left = cutAfter;
  let held = false;
  let ended = false;
  /** A turn of `pump` is already arranged: by timer, by setImmediate or by the sink's drain. */
  let arranged = false;

  source.on('data', (bytes: Buffer) => {
    waiting.push({ bytes, dueMs: performance.now() + shape.latencyMs });
    waitingBytes += bytes.length;
    if (waitingBytes > waitingBytesMax) source.pause();
    pump();
  });
  source.once('end', () => {
    ended = true;
    pump();
  });

  const later = (arrange: (turn: () => void) => void): void => {
    arranged = true;
    arrange(() => {
      arranged = false;
      pump();
    });
  };

  function pump(): void {
    while (!held && !arranged && !sink.destroyed) {
      const head = waiting[0];
      if (!head) {
        if (ended && !sink.writableEnded) sink.end();
        return;
      }
      const restMs = head.dueMs - performance.now();
      if (restMs > 0) {
        later((turn) => wait(turn, restMs));
        return;
      }
      if (sink.writableNeedDrain) {
        later((turn) => sink.once('drain', turn));
        return;
      }

      const allowed = Math.max(1, Math.floor((shape.bytesPerSecond * rateTurnMs) / 1000));
      const length = Math.min(head.bytes.length, shape.sliceBytes, allowed, left);
      pass(head, length);
      if (left === 0) {
        held = true;
        onCut?.();
        return;
      }
      if (shape.bytesPerSecond !== Infinity) {
        const turnMs = (length / shape.bytesPerSecond) * 1000;
        later((turn) => wait(turn, turnMs));
      } else if (shape.sliceBytes !== Infinity) {
        // A turn of the event loop between two pieces, so that the kernel sends them one by one.
        later((turn) => setImmediate(turn));
      }
    }
  }

  function pass(head: { bytes: Buffer }, length: number): void {
    if (length > 0) sink.write(head.bytes.subarray(0, length));
    onBytes(length);
    left -= length;
    waitingBytes -= length;
    head.bytes = head.bytes.subarray(length);
    if (head.bytes.length === 0) waiting.shift();
    if (!held && source.isPaused() && waitingBytes <= waitingBytesMax) source.resume();
  }

  return {
    hold() {
      held = true;
      source.pause();
    },
    release() {
      if (left === 0) return;
      held = false;
      source.resume();
      pump();
    },
  };
}
