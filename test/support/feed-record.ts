/** What a client of `/api/events` has been told, checked against the protocol event by event. */
import { type LiveEvent, liveEventSchemas } from '@holdfast/shared/http/sync.ts';
import { parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import { type FeedCursor, parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import { createRunRecord, type RunRecord } from './run-record.ts';
import type { SseEvent } from './sse-reader.ts';

/**
 * The rules a server can break:
 *
 * id-missing, id-invalid  an event without a cursor (but `run.position`), or with one
 * data-invalid            data that the schema of its type does not have
 * beginning               a connection that does not begin with `ready` at its cursor, or with `resync`
 * order                   an event of the feed that is not the next one
 * place                   a cursor that does not say where the reader is
 * run                     a followed run breaks a rule of its own: see run-record.ts
 * late-queued             `run.queued` after events of the run
 * early-end               `run.ended` before the last event of a followed run, or with another text
 * after-end               an event of a run that has ended
 * not-followed            a run event of a conversation that nobody asked for
 * after-removal           anything of a conversation that was removed
 * threw                   the test's own function threw
 */
export type FeedRule =
  | 'id-missing'
  | 'id-invalid'
  | 'data-invalid'
  | 'beginning'
  | 'order'
  | 'place'
  | 'run'
  | 'late-queued'
  | 'early-end'
  | 'after-end'
  | 'not-followed'
  | 'after-removal'
  | 'threw';

export interface FeedViolation {
  readonly rule: FeedRule;
  readonly event: unknown;
}

export interface FeedConnectionRecord {
  readonly cursor: string | null;
  status: number | null;
  events: number;
  comments: number;
}

export interface FeedRecord {
  /** Everything that came, in order. */
  readonly events: LiveEvent[];
  /** Ids of the events of the feed, without those of runs. */
  readonly seqs: number[];
  /** What was assembled of each followed run. */
  readonly runs: Map<string, RunRecord>;
  readonly connections: FeedConnectionRecord[];
  readonly violations: FeedViolation[];
  /** The last id; what the client sends back. */
  cursor: string | null;
}

export interface AppliedOn {
  readonly number: number;
  readonly isFirst: boolean;
  readonly cursor: string | null;
}

/** A record and the function that applies an event to it; the function returns the event, or null if it is no good. */
export function createFeedRecord(
  follow: readonly string[],
  cursor: string | null,
): { record: FeedRecord; apply: (item: SseEvent, on: AppliedOn) => LiveEvent | null } {
  const record: FeedRecord = {
    events: [],
    seqs: [],
    runs: new Map(),
    connections: [],
    violations: [],
    cursor,
  };
  const appliers = new Map<string, ReturnType<typeof createRunRecord>['apply']>();
  const ended = new Set<string>();
  const removed = new Set<string>();
  let seq: number | null = null;

  function applyRunEvent(event: Extract<LiveEvent, { type: 'run.event' }>, at: FeedCursor, on: AppliedOn) {
    const { conversationId, runId, id, type, data } = event.data;
    const violate = (rule: FeedRule) => record.violations.push({ rule, event });
    if (!follow.includes(conversationId)) violate('not-followed');
    if (ended.has(runId)) violate('after-end');
    if (at.seq !== seq) violate('order');
    let apply = appliers.get(runId);
    if (!apply) {
      const created = createRunRecord();
      apply = created.apply;
      appliers.set(runId, apply);
      record.runs.set(runId, created.record);
    }
    const run = record.runs.get(runId);
    const before = run?.violations.length ?? 0;
    // Without its place in the cursor a run is told from its beginning, and that may be told again.
    if (
      type === 'started' &&
      run &&
      run.ids.length > 0 &&
      !parseFeedCursor(on.cursor ?? '')?.runs.has(runId)
    ) {
      const created = createRunRecord();
      apply = created.apply;
      appliers.set(runId, apply);
      record.runs.set(runId, created.record);
    }
    apply({ connection: on.number, id, event: type, data: JSON.stringify(data) });
    const now = record.runs.get(runId);
    if ((now?.violations.length ?? 0) > (now === run ? before : 0)) violate('run');
    const place = at.runs.get(runId);
    const expected = now?.terminal ? undefined : parseEventId(id);
    if (JSON.stringify(place) !== JSON.stringify(expected ?? undefined)) violate('place');
  }

  function applyFeedEvent(event: LiveEvent, at: FeedCursor): void {
    const violate = (rule: FeedRule) => record.violations.push({ rule, event });
    if (seq === null || at.seq !== seq + 1) violate('order');
    seq = at.seq;
    record.seqs.push(at.seq);
    if (event.type === 'run.queued') {
      const { run } = event.data;
      if (run.attempt === 0 && record.runs.has(run.id)) violate('late-queued');
    } else if (event.type === 'run.ended') {
      const { run, message } = event.data;
      const followed = record.runs.get(run.id);
      if (followed && (!followed.terminal || followed.text !== message.text)) violate('early-end');
      ended.add(run.id);
    } else if (event.type === 'conversation.removed') {
      removed.add(event.data.conversationId);
    } else if (event.type === 'conversation.added') {
      removed.delete(event.data.conversation.id);
    }
  }

  function begin(event: LiveEvent, at: FeedCursor, on: AppliedOn, id: string): void {
    const resumed = event.type === 'ready' && on.cursor !== null;
    if (!on.isFirst && event.type === 'ready') record.violations.push({ rule: 'beginning', event });
    if (resumed && at.seq !== parseFeedCursor(on.cursor ?? '')?.seq) {
      record.violations.push({ rule: 'beginning', event: { event, id, cursor: on.cursor } });
    }
    if (event.type === 'resync') {
      record.runs.clear();
      appliers.clear();
    }
    seq = at.seq;
  }

  function apply(item: SseEvent, on: AppliedOn): LiveEvent | null {
    const schema = liveEventSchemas[item.event as LiveEvent['type']];
    const parsed = schema?.safeParse(JSON.parse(item.data));
    if (!parsed?.success) {
      record.violations.push({ rule: 'data-invalid', event: { item, error: parsed?.error.message } });
      return null;
    }
    const event = { type: item.event, data: parsed.data } as LiveEvent;
    const violate = (rule: FeedRule) => record.violations.push({ rule, event: { event, id: item.id } });
    record.events.push(event);
    if (on.isFirst && event.type !== 'ready' && event.type !== 'resync') violate('beginning');
    const conversationId = 'conversationId' in event.data ? event.data.conversationId : null;
    if (conversationId && removed.has(conversationId) && event.type !== 'conversation.removed') {
      violate('after-removal');
    }
    if (event.type === 'run.position') {
      if (item.id !== null) violate('id-invalid');
      return event;
    }
    if (item.id === null) {
      violate('id-missing');
      return null;
    }
    const at = parseFeedCursor(item.id);
    if (!at) {
      violate('id-invalid');
      return null;
    }
    if (event.type === 'ready' || event.type === 'resync') begin(event, at, on, item.id);
    else if (event.type === 'run.event') applyRunEvent(event, at, on);
    else applyFeedEvent(event, at);
    record.cursor = item.id;
    return event;
  }

  return { record, apply };
}
