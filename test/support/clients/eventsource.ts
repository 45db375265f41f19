/**
 * Follows a run with npm's `eventsource`, which behaves as browsers do: it reconnects by itself with Last-Event-ID and
 * gives up for ever on any status but 200. So it finds what a client that reconnects on its own terms forgives.
 */
import { runEventTypes } from '@holdfast/shared/protocol/run-event.ts';
import { EventSource } from 'eventsource';
import { newConnection } from '../recorder.ts';
import { createRunRecord, type RunRecord } from '../run-record.ts';
import { testUser } from '../test-user.ts';

/** `died`: any status but 200 and 204; `closed`: stop() was called. */
export type EventSourceEnding = 'terminal' | 'no-content' | 'died' | 'closed';

export interface EventSourceOptions {
  readonly url: string;
  /** A browser could not set them; here they take the place of the cookie. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Do not close at the terminal event but let the server end it with 204, as a page without our client would. */
  readonly untilNoContent?: boolean;
}

export interface EventSourceFollowing {
  readonly record: RunRecord;
  readonly done: Promise<EventSourceEnding>;
  stop(): void;
}

const noContent = 204;

/**
 * Starts to follow a run. Events of types that the protocol does not have are not seen, as EventSource hands out none
 * that nobody listens to; and an event without an id shows the id of the one before it: a duplicate.
 */
export function followWithEventSource(options: EventSourceOptions): EventSourceFollowing {
  const { record, apply } = createRunRecord();
  const settled = Promise.withResolvers<EventSourceEnding>();

  const source = new EventSource(options.url, {
    async fetch(url, init) {
      const connection = newConnection(options.url, init.headers['Last-Event-ID'] ?? null);
      record.connections.push(connection);
      try {
        const response = await fetch(url, {
          ...init,
          headers: { ...testUser.headers, ...init.headers, ...options.headers },
        });
        connection.status = response.status;
        return response;
      } catch (error) {
        connection.end = (error as Error).name;
        throw error;
      }
    },
  });

  const end = (how: EventSourceEnding): void => {
    const connection = record.connections.at(-1);
    if (connection) connection.end ??= how;
    source.close();
    settled.resolve(how);
  };
  const onEvent = ({ type, lastEventId, data }: MessageEvent<string>): void => {
    const connection = record.connections.length - 1;
    const current = record.connections[connection];
    if (current) current.events++;
    apply({ connection, id: lastEventId === '' ? null : lastEventId, event: type, data });
    if (record.terminal && !options.untilNoContent) end('terminal');
  };
  for (const type of [...runEventTypes, 'message']) source.addEventListener(type, onEvent);
  source.addEventListener('error', ({ code }) => {
    if (source.readyState === source.CLOSED) end(code === noContent ? 'no-content' : 'died');
    else {
      const connection = record.connections.at(-1);
      if (connection) connection.end ??= 'eof';
    }
  });

  return { record, done: settled.promise, stop: () => end('closed') };
}
