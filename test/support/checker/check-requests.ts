/**
 * What requests were promised.
 *
 * status       an answer that this client cannot have earned
 * key          one Idempotency-Key, and more than one message or run
 * stop         a run that was told to stop and did not end as cancelled, or was shown afterwards as one that goes on
 * seen-end     somebody saw the end of a run, and was told afterwards that it goes on
 * existence    somebody who is no member got another answer than 404
 * lost         a member got 404
 * deleted      a conversation that was deleted was shown
 * search       a member did not find their conversation
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import type { RequestEntry, TreeRun, Violation } from './history.ts';
import { markersIn } from './history.ts';
import { type Index, isSuccess, isSurelyMember, mayBeMember, pathOf } from './index-history.ts';

interface ShownRun {
  readonly id: string;
  readonly status: string;
  readonly cancelRequested: boolean;
}

export interface RequestRules {
  /** Whether servers were killed or cut off meanwhile: then 5xx and no answer at all are nobody's fault. */
  readonly withFaults: boolean;
  /** Of the history: from this place on they are somebody's again. */
  readonly quietAt?: number;
}

export function checkRequests(
  index: Index,
  runs: ReadonlyMap<string, TreeRun>,
  { withFaults, quietAt = Infinity }: RequestRules,
): Violation[] {
  return [
    ...index.requests
      .filter((request) => !isExpectedStatus(request, withFaults && request.began < quietAt))
      .map(toViolation('status')),
    ...checkKeys(index),
    ...checkStops(index, runs),
    ...checkShownRuns(index),
    ...checkExistence(index),
    ...checkReaders(index),
    ...checkSearch(index),
  ];
}

const toViolation =
  (rule: string) =>
  (request: RequestEntry): Violation => ({ rule, detail: request });

/** What a well-behaved client can be answered: 403 and 404 when it is no member any more, 409 and 429 when it is too much. */
function isExpectedStatus({ status }: RequestEntry, withFaults: boolean): boolean {
  // 408: a network that stalls holds the rest of a request back for longer than it may take.
  if (status === null || status >= 500 || status === 408) return withFaults;
  return status < 300 || [403, 404, 409, 429].includes(status);
}

function checkKeys({ requests }: Index): Violation[] {
  const made = new Map<string, string>();
  return requests.flatMap((request) => {
    const { user, key, reply } = request;
    if (key === null || !isSuccess(request)) return [];
    const { id, run, message, token } = reply as Record<string, { id?: string } | string | undefined>;
    const ids = JSON.stringify([id, (run as { id?: string })?.id, (message as { id?: string })?.id, token]);
    const known = made.get(`${user} ${key}`);
    made.set(`${user} ${key}`, known ?? ids);
    return known === undefined || known === ids ? [] : [{ rule: 'key', detail: { request, known, ids } }];
  });
}

function checkStops(index: Index, runs: ReadonlyMap<string, TreeRun>): Violation[] {
  return index.requests.flatMap((request) => {
    const runId = /^\/api\/runs\/([^/]+)\/cancel$/.exec(pathOf(request))?.[1];
    if (runId === undefined || !isSuccess(request)) return [];
    const { run: shown } = request.reply as { run: ShownRun };
    const stored = runs.get(runId);
    const isTold = request.status === 202 ? shown.cancelRequested : isTerminalType(shown.status);
    const isKept = !stored || stored.status === (request.status === 202 ? 'cancelled' : shown.status);
    return isTold && isKept ? [] : [{ rule: 'stop', runId, detail: { request, stored } }];
  });
}

/** From a moment on a run has ended, or is at least stopping; nobody may be shown it as one that goes on. */
function checkShownRuns({ requests, readers, accepted }: Index): Violation[] {
  const endedAt = new Map<string, number>();
  const stoppedAt = new Map<string, number>();
  const note = (map: Map<string, number>, runId: string, at: number) =>
    map.set(runId, Math.min(map.get(runId) ?? Infinity, at));
  for (const { runId, events } of readers) {
    const end = events.find(({ event }) => isTerminalType(event));
    if (end) note(endedAt, runId, end.at);
  }
  const byConversation = Map.groupBy(accepted.values(), (run) => run.conversationId);
  for (const request of requests) {
    const cancelled = /^\/api\/runs\/([^/]+)\/cancel$/.exec(pathOf(request))?.[1];
    if (cancelled !== undefined && isSuccess(request)) note(stoppedAt, cancelled, request.ended);
    const isInterrupt = (request.body as { whenBusy?: string } | null)?.whenBusy === 'interrupt';
    if (!isInterrupt || request.status !== 202) continue;
    const { run } = request.reply as { run: { id: string; conversationId: string } };
    // With a key that was used before, it stopped what there was then.
    const began = accepted.get(run.id)?.began ?? request.began;
    for (const earlier of byConversation.get(run.conversationId) ?? []) {
      if (earlier.request.ended < began) note(stoppedAt, earlier.id, request.ended);
    }
  }
  const violations: Violation[] = [];
  for (const request of requests) {
    for (const shown of runsShownIn(request)) {
      const runId = shown.id;
      if (isTerminalType(shown.status)) continue;
      if ((endedAt.get(runId) ?? Infinity) < request.began) {
        violations.push({ rule: 'seen-end', runId, detail: { request, shown } });
      }
      if ((stoppedAt.get(runId) ?? Infinity) < request.began && !shown.cancelRequested) {
        violations.push({ rule: 'stop', runId, detail: { request, shown } });
      }
    }
  }
  return violations;
}

/** Runs as they are now; what an idempotency key gives back is as it was then. */
function runsShownIn(request: RequestEntry): ShownRun[] {
  if (request.method !== 'GET' || !isSuccess(request)) return [];
  const reply = request.reply as Record<string, unknown>;
  if (/^\/api\/runs\/[^/]+$/.test(pathOf(request))) return [reply as unknown as ShownRun];
  if (!pathOf(request).endsWith('/messages')) return [];
  const { activeRun, waitingRuns } = reply as { activeRun: ShownRun | null; waitingRuns: ShownRun[] };
  return [...(activeRun ? [activeRun] : []), ...waitingRuns];
}

function checkExistence(index: Index): Violation[] {
  const deletedAt = new Map<string, number>();
  for (const request of index.requests) {
    const id = /^\/api\/conversations\/([^/]+)$/.exec(pathOf(request))?.[1];
    if (request.method === 'DELETE' && id !== undefined && request.status === 204) {
      deletedAt.set(id, Math.min(deletedAt.get(id) ?? Infinity, request.ended));
    }
  }
  return index.requests.flatMap((request): Violation[] => {
    const { user, began, ended, status } = request;
    const [, kind = '', id = ''] =
      /^\/api\/(conversations|messages|runs)\/([^/]+)/.exec(pathOf(request)) ?? [];
    const conversationId = index.conversationOf.get(id);
    if (conversationId === undefined || status === null || status >= 500) return [];
    const of = { conversationId, detail: request };
    if ((deletedAt.get(conversationId) ?? Infinity) < began && status !== 404) {
      return [{ rule: 'deleted', ...of }];
    }
    if (!mayBeMember(index, conversationId, user, began, ended) && status !== 404) {
      return [{ rule: 'existence', ...of }];
    }
    // Of what the path begins with; something else that was named may well not be there.
    const { code } = (request.reply ?? {}) as { code?: string };
    const isNotFound = status === 404 && code === `${kind.slice(0, -1)}_not_found`;
    if (isNotFound && isSurelyMember(index, conversationId, user, began, ended)) {
      return [{ rule: 'lost', ...of }];
    }
    return [];
  });
}

/** Readers of runs: whoever is no member is refused, and a member is not. */
function checkReaders(index: Index): Violation[] {
  return index.readers.flatMap(({ user, runId, opened, connections, ending, ended }): Violation[] => {
    const conversationId = index.conversationOf.get(runId);
    if (conversationId === undefined) return [];
    const of = { runId, conversationId, detail: { user, opened, connections, ending, ended } };
    const told = connections.some(({ status }, number) => {
      const at = opened[number] ?? 0;
      // Opened in time, answered a moment later.
      const answered = opened[number + 1] ?? ended;
      return (status === 200 || status === 204) && !mayBeMember(index, conversationId, user, at, answered);
    });
    if (told) return [{ rule: 'existence', ...of }];
    const isSure = isSurelyMember(index, conversationId, user, opened.at(-1) ?? 0, ended);
    return ending === 'refused' && isSure ? [{ rule: 'lost', ...of }] : [];
  });
}

/** A search for a marker that stands in a title finds the conversation, and in a list nothing else is shown. */
function checkSearch(index: Index): Violation[] {
  return index.requests.flatMap((request): Violation[] => {
    const { user, began, ended } = request;
    if (request.method !== 'GET' || pathOf(request) !== '/api/conversations' || !isSuccess(request))
      return [];
    const searched = new URL(request.path, 'http://test').searchParams.get('q');
    const [marker] = markersIn(searched ?? '');
    const conversationId = marker && index.conversationOfCode.get(marker.conversationCode);
    if (conversationId === undefined || !index.titled.has(marker?.conversationCode ?? '')) return [];
    if (!isSurelyMember(index, conversationId, user, began, ended)) return [];
    const { conversations } = request.reply as { conversations: { id: string }[] };
    return conversations.some(({ id }) => id === conversationId)
      ? []
      : [{ rule: 'search', conversationId, detail: request }];
  });
}
