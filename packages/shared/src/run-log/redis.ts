import type { Redis } from 'ioredis';
import { formatEventId } from '../protocol/event-id.ts';
import { type Append, callEventsMax, createAppendQueue } from './append-queue.ts';
import { cancelChannel, runKeys } from './keys.ts';
import { toLoggedEvent } from './logged-event.ts';
import {
  type AppendResult,
  type LogHead,
  type LogPage,
  type OpenResult,
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
  type UnplacedEvent,
} from './run-log.ts';
import { type DefineScript, scriptsThrough } from './scripts.ts';
import { type Transact, transactThrough } from './transact.ts';

/** An open log outlives any run: it is renewed as it grows (append.lua), and a run is ended long before a day of silence. */
const openLogLifeMs = 24 * 60 * 60_000;

export interface RedisRunLogOptions {
  readonly redis: Redis;
  /** First part of every key, so that several deployments can share one Redis. */
  readonly prefix: string;
  /** How long a log can be read after its end, in milliseconds. */
  readonly retentionMs: number;
  /** How logs are read; not given: through `redis`. A process that reads for many has a connection of its own for it. */
  readonly reads?: Transact;
  /** How logs are written; not given: through `redis`. A process that writes many has a lean connection of its own for it. */
  readonly writes?: DefineScript;
}

/** The run log in Redis. Every method throws RunLogUnavailableError when Redis does not answer. */
export function createRedisRunLog({
  redis,
  prefix,
  retentionMs,
  reads = transactThrough(redis),
  writes = scriptsThrough(redis),
}: RedisRunLogOptions): RunLogWriter & RunLogReader {
  const openScript = writes('open');
  const appendScript = writes('append');
  const requestCancelScript = writes('request-cancel');

  const appends = createAppendQueue(async (taken) => {
    const keys: string[] = [];
    const args: (string | number)[] = [openLogLifeMs, retentionMs];
    for (const each of taken) pushAppend(each, keys, args);
    const replies = await appendScript(keys, args);
    return (replies as AppendReply[]).map(toAppendResult);
  });

  function pushAppend(
    { runId, attempt, firstSeq, events }: Append,
    keys: string[],
    args: (string | number)[],
  ): void {
    const { log, meta } = runKeys(prefix, runId);
    keys.push(log, meta);
    args.push(attempt, firstSeq, events.length);
    for (const { type, json } of events) args.push(type, json);
  }

  /** Head and entries in one transaction: a page never claims to reach a head that it was not read with. */
  async function readPage(runId: string, range: string, limit: number): Promise<LogPage> {
    const keys = runKeys(prefix, runId);
    const [meta, entries] = (await reads([
      ['hmget', keys.meta, 'attempt', 'seq', 'closed'],
      ['xrange', keys.log, range, '+', 'COUNT', limit],
    ])) as [MetaReply, [id: string, fields: string[]][]];
    return {
      head: toHead(meta),
      events: entries.map(([id, fields]) => toLoggedEvent(id, fields[1], fields[3])),
    };
  }

  /** A worker that writes again 50,000 events. */
  async function appendInSteps(
    runId: string,
    attempt: number,
    firstSeq: number,
    events: readonly UnplacedEvent[],
  ): Promise<AppendResult> {
    let result = appended;
    for (let at = 0; at < events.length && result.status === 'appended'; at += callEventsMax) {
      const step = events.slice(at, at + callEventsMax);
      result = await appends.append({ runId, attempt, firstSeq: firstSeq + at, events: step });
    }
    return result;
  }

  return {
    async open(runId, attempt, opening) {
      const keys = runKeys(prefix, runId);
      appends.sendNow(runId);
      const reply = await openScript(
        [keys.log, keys.meta],
        [attempt, opening.type, opening.json, keys.channel, openLogLifeMs],
      );
      return (reply as string).toLowerCase() as OpenResult;
    },

    append(runId, attempt, firstSeq, events) {
      if (events.length > callEventsMax) return appendInSteps(runId, attempt, firstSeq, events);
      return appends.append({ runId, attempt, firstSeq, events });
    },

    async requestCancel(runId) {
      const { meta } = runKeys(prefix, runId);
      await requestCancelScript([meta], [cancelChannel(prefix), runId, openLogLifeMs]);
    },

    async read(runId, cursor, limit) {
      const page = await readPage(runId, cursor ? `(${formatEventId(cursor)}` : '-', limit);
      const attempt = page.head?.id.attempt ?? 1;
      // A later attempt has replaced what these entries belong to: begin at its opening instead.
      return (cursor?.attempt ?? 1) < attempt ? readPage(runId, `${attempt}-0`, limit) : page;
    },

    async heads(runIds) {
      if (runIds.length === 0) return [];
      const metas = runIds.map((runId) => runKeys(prefix, runId).meta);
      const replies = await reads(metas.map((meta) => ['hmget', meta, 'attempt', 'seq', 'closed']));
      return (replies as MetaReply[]).map(toHead);
    },
  };
}

const appended: AppendResult = { status: 'appended', cancelRequested: false };
const appendedWithCancel: AppendResult = { status: 'appended', cancelRequested: true };

/** A number: appended; 1 when a cancel waits, else 0. */
type AppendReply = number | [status: string, detail?: string | number];

function toAppendResult(reply: AppendReply): AppendResult | RunLogUnavailableError {
  if (typeof reply === 'number') return reply === 1 ? appendedWithCancel : appended;
  const [status, detail] = reply;
  switch (status) {
    case 'GAP':
      return { status: 'gap', lastSeq: Number(detail) };
    case 'FENCED':
      return { status: 'fenced' };
    case 'CLOSED':
      return { status: 'closed' };
    case 'ABSENT':
      return { status: 'absent' };
    default:
      return new RunLogUnavailableError(String(detail));
  }
}

type MetaReply = [attempt: string | null, seq: string | null, closed: string | null];

/** A meta without an attempt holds only a cancel that came before any worker did. */
function toHead([attempt, seq, closed]: MetaReply): LogHead | null {
  if (attempt === null) return null;
  return { id: { attempt: Number(attempt), seq: Number(seq) }, closed: closed !== null };
}
