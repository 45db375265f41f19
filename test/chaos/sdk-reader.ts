/** A reader that uses the client package as a page does, written down for the checker as the recorder's readers are. */
import { followRun, ProblemError } from '@holdfast/client';
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import type { ReaderEntry, ReaderEvent } from '../support/checker/history.ts';
import type { Recording, Sender } from '../support/many-users/recorded-client.ts';
import { newConnection } from '../support/recorder.ts';
import type { ConnectionRecord } from '../support/run-record.ts';

/** HEARTBEAT_MS of the cluster, and time for a busy machine. */
const heartbeatMsMax = 5_000;

/** Follows a run to its end from the beginning, each connection to the next API process. */
export async function readWithSdk(
  { bases, entries, next, patience }: Recording,
  reader: Sender,
  run: { readonly id: string; readonly eventsUrl: string },
  server = 0,
): Promise<ReaderEntry> {
  const opened: number[] = [];
  const events: ReaderEvent[] = [];
  const connections: ConnectionRecord[] = [];
  let cursor: string | null = null;
  const send: typeof fetch = async (_, init) => {
    const base = bases[(server + opened.length) % bases.length] ?? '';
    opened.push(next());
    const connection = newConnection(`${base}${run.eventsUrl}`, cursor);
    connections.push(connection);
    const headers = new Headers(init?.headers);
    headers.set('authorization', reader.headers.authorization);
    const response = await fetch(connection.url, { ...init, headers });
    connection.status = response.status;
    return response;
  };
  let ending = 'no-content';
  try {
    const following = followRun(`${bases[0]}${run.eventsUrl}`, {
      fetch: send,
      heartbeatMsMax,
      ...(patience ? { signal: patience } : {}),
    });
    for await (const event of following) {
      const { id, type } = event;
      cursor = id;
      const [name, data] =
        event.type === 'unknown' ? [event.name, event.json] : [event.type, JSON.stringify(event.data)];
      events.push({ at: next(), connection: connections.length - 1, id, event: name, data });
      if (isTerminalType(type)) ending = 'terminal';
    }
  } catch (error) {
    ending = error instanceof ProblemError ? 'refused' : 'unfinished';
  }
  const begin = { cursor: null, text: null };
  const of = { kind: 'reader', user: reader.id, runId: run.id } as const;
  const entry: ReaderEntry = { ...of, begin, opened, connections, events, ending, ended: next() };
  entries.push(entry);
  return entry;
}
