/** What a scenario has in its hands: a cluster, clients that write everything down, and a way to wait for the right moment. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import type { Directive } from '../../packages/stand-in/src/directive.ts';
import { question } from '../support/ask.ts';
import type { ReaderEntry, RequestEntry } from '../support/checker/history.ts';
import {
  type Reading,
  type Recording,
  readRecorded,
  sendRecorded,
  startRecording,
} from '../support/many-users/recorded-client.ts';
import { testUser } from '../support/test-user.ts';
import type { Cluster, Member } from './cluster.ts';

/** Longest wait for a moment that a fault is aimed at: several times what a busy machine needs. */
const momentMsMax = 20_000;
const pollMs = 10;

export interface KnownRun {
  readonly id: string;
  readonly conversationId: string;
  readonly eventsUrl: string;
}

export type Scene = ReturnType<typeof createScene>;

export function createScene(cluster: Cluster) {
  const givingUp = new AbortController();
  const bases = cluster.apis.map((api) => api.url);
  const recording: Recording = startRecording(bases, { patience: givingUp.signal });
  const reading: Promise<ReaderEntry>[] = [];
  /** Moments that never came: nothing was attacked then. */
  const missed: string[] = [];
  const runs: KnownRun[] = [];

  const send = (method: string, path: string, body: unknown = null, key: string | null = null, server = 0) =>
    sendRecorded(recording, testUser, method, path, { body, key, server });

  /** Waits for the moment that a fault is aimed at. */
  async function moment(what: string, hasCome: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + momentMsMax; Date.now() < deadline; await sleep(pollMs)) {
      if (await hasCome()) return;
    }
    missed.push(what);
  }

  async function stored(runId: string): Promise<{ attempt: number; worker_id: string | null }> {
    const { rows } = await cluster.db.query('select attempt, worker_id from runs where id = $1', [runId]);
    return rows[0] ?? { attempt: 0, worker_id: null };
  }

  return {
    cluster,
    recording,
    missed,
    runs,
    reading,
    send,
    moment,

    /** A conversation; its id. */
    async converse(): Promise<string> {
      const { reply } = await send('POST', '/api/conversations', {});
      return String((reply as { id?: string } | null)?.id);
    },

    /** Asks in a new conversation. */
    async ask(directive: Directive, server = 0): Promise<KnownRun> {
      const path = `/api/conversations/${await this.converse()}/messages`;
      const { reply, status } = await send('POST', path, { text: question(directive) }, null, server);
      if (status !== 202) throw new Error(`not accepted: ${status} ${JSON.stringify(reply)}`);
      const { run } = reply as { run: KnownRun };
      runs.push(run);
      return run;
    },

    /** Starts to read a run, to its end. */
    read(run: KnownRun, how: Reading = {}): Promise<ReaderEntry> {
      const reader = readRecorded(recording, testUser, run, how);
      reading.push(reader);
      return reader;
    },

    /** Looks at a run and at its conversation, as a page does after an answer. */
    look: (run: KnownRun): Promise<RequestEntry[]> =>
      Promise.all(
        cluster.apis.flatMap((_, server) => [
          send('GET', `/api/runs/${run.id}`, null, null, server),
          send('GET', `/api/conversations/${run.conversationId}/messages`, null, null, server),
        ]),
      ),

    /** Waits until the log has come to this event, or beyond it. */
    logAt: (run: KnownRun, text: string): Promise<void> =>
      moment(`the log at ${text}`, async () => {
        const want = parseEventId(text) ?? { attempt: 0, seq: 0 };
        const { meta } = runKeys(cluster.redisPrefix, run.id);
        const [attempt = 0, seq = 0] = (await cluster.redis.hmget(meta, 'attempt', 'seq')).map(Number);
        return attempt > want.attempt || (attempt === want.attempt && seq >= want.seq);
      }),

    /** The worker that holds the run. */
    async holder(run: KnownRun): Promise<Member> {
      let found: Member | undefined;
      await moment('a worker that holds the run', async () => {
        const { worker_id } = await stored(run.id);
        found = cluster.workers.find(({ pid }) => worker_id?.endsWith(`:${pid}`));
        return found !== undefined;
      });
      if (!found) throw new Error('nobody took the run');
      return found;
    },

    /** Tells all readers that they have waited long enough, and waits for them. */
    async dismissReaders(graceMs: number): Promise<void> {
      const all = Promise.all(reading);
      const grace = new AbortController();
      await Promise.race([all, sleep(graceMs, undefined, { signal: grace.signal }).catch(() => {})]);
      grace.abort();
      givingUp.abort();
      await all;
    },
  };
}
