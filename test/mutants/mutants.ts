/**
 * The planted bugs. Each breaks one of the mechanisms that the promises rest on, in the way in which such a mechanism is
 * usually missing; the checker, or the model, has to notice.
 *
 * `scenario` names the faults that bring it to light on real processes (scenarios.ts). `inModel`: the model of
 * test/unit/hub-model.test.ts, which runs the same source over a run log in memory, has to notice it, too.
 */
import type { Edit } from './edits.ts';
import type { ScenarioName } from './scenarios.ts';

export interface Mutant {
  readonly id: string;
  readonly name: string;
  readonly scenario: ScenarioName;
  /** The rule of the checker that has to be broken, and the promise that it stands for (check.ts). */
  readonly breaks: string;
  readonly promise: number;
  readonly inModel: boolean;
  readonly edits: readonly Edit[];
}

const appendScript = 'packages/shared/src/run-log/lua/append.lua';
const memoryLog = 'packages/shared/src/run-log/memory.ts';
const subscription = 'apps/api/src/hub/subscription.ts';
const firstPlace = 'local first = tonumber(ARGV[at + 1])';

export const mutants: readonly Mutant[] = [
  {
    id: 'M1',
    name: 'no fence: a worker that lost its run still writes to the log',
    scenario: 'frozenWorker',
    breaks: 'prefix',
    promise: 1,
    inModel: true,
    edits: [
      {
        file: appendScript,
        search: "if owner > attempt then return { 'FENCED' } end",
        replace: 'if owner > attempt then ARGV[at] = state[1] end',
      },
      {
        file: appendScript,
        search: "if owner < attempt then return { 'ABSENT' } end\n",
        replace: "if owner < attempt then return { 'ABSENT' } end\nlocal zombie = owner > attempt\n",
      },
      {
        file: appendScript,
        search: firstPlace,
        replace: 'local first = zombie and head + 1 or tonumber(ARGV[at + 1])',
      },
      {
        file: memoryLog,
        search: "if (log.attempt > attempt) return { status: 'fenced' };",
        replace: 'if (log.attempt > attempt) [attempt, firstSeq] = [log.attempt, log.seq + 1];',
      },
    ],
  },
  {
    id: 'M1b',
    name: 'no fence: a worker that lost its run still ends it in Postgres',
    scenario: 'lateEnd',
    breaks: 'one-end',
    promise: 4,
    inModel: false,
    edits: [
      {
        file: 'packages/shared/src/store/run-lease.ts',
        search: 'const { runId, attempt, from, attemptsToAdd,',
        replace: 'const attempt = sql`runs.attempt`;\n  const { runId, from, attemptsToAdd,',
      },
      {
        file: 'packages/shared/src/store/run-groups.ts',
        search: 'return { claim, end };',
        replace: 'void end;\n  return { claim, end: (outcome) => endRun(store, outcome) };',
      },
    ],
  },
  {
    id: 'M2',
    name: 'no gap check: what Redis lost is not written again',
    scenario: 'lostTail',
    breaks: 'no-gap',
    promise: 3,
    inModel: true,
    edits: [
      {
        file: appendScript,
        search: "if first > head + 1 then return { 'GAP', head } end",
        replace: 'if first > head + 1 then head = first - 1 end',
      },
      {
        file: memoryLog,
        search: "if (firstSeq > log.seq + 1) return { status: 'gap', lastSeq: log.seq };",
        replace: 'if (firstSeq > log.seq + 1) log.seq = firstSeq - 1;',
      },
    ],
  },
  {
    id: 'M3',
    name: 'no deduplication: an append that is repeated is written twice',
    scenario: 'lostReplies',
    breaks: 'prefix',
    promise: 1,
    inModel: true,
    edits: [
      {
        file: appendScript,
        search: firstPlace,
        replace: 'local first = math.max(tonumber(ARGV[at + 1]), head + 1)',
      },
      {
        file: memoryLog,
        search: 'const last = firstSeq + events.length - 1;',
        replace:
          'firstSeq = Math.max(firstSeq, log.seq + 1);\n      const last = firstSeq + events.length - 1;',
      },
    ],
  },
  {
    id: 'M4',
    name: 'the cursor is ignored: every connection begins at the start',
    scenario: 'cutConnections',
    breaks: 'once-in-order',
    promise: 2,
    inModel: true,
    edits: [
      {
        file: subscription,
        search: "let position = options.cursor.kind === 'after' ? options.cursor.id : null;",
        replace: 'let position: EventId | null = null;',
      },
    ],
  },
  {
    id: 'M5',
    name: 'idempotency keys are ignored',
    scenario: 'duplicatePosts',
    breaks: 'key',
    promise: 6,
    inModel: false,
    edits: [
      {
        file: 'packages/shared/src/store/idempotency.ts',
        search: 'if (request.key === undefined) return { result',
        replace: 'if (request.key !== null) return { result',
      },
      {
        file: 'packages/shared/src/store/idempotency.ts',
        search: 'if (request.key === undefined) return null;',
        replace: 'if (request.key !== null) return null;',
      },
    ],
  },
  {
    id: 'M6',
    name: 'no sweeper: nobody rings again for a run that nobody holds',
    scenario: 'emptiedRedis',
    breaks: 'ended',
    promise: 8,
    inModel: false,
    edits: [
      {
        file: 'apps/worker/src/sweeper.ts',
        search: 'if (runIds.length === 0) return;',
        replace: 'if (runIds.length >= 0) return;',
      },
    ],
  },
  {
    id: 'M7',
    name: 'the terminal event is written before Postgres has the answer',
    scenario: 'deathBeforeStore',
    breaks: 'seen-end',
    promise: 4,
    inModel: false,
    edits: [
      {
        file: 'apps/worker/src/end-run.ts',
        search: '  const ended = await whileStoreIsAway(() => runs.end(outcome));\n',
        replace: `  const { status, failureCode = null, finishReason = null } = ending;
  const early = { ...run, status, usage, failure_code: failureCode, finish_reason: finishReason };
  const first = runEnd({ ...early, terminal_seq: outcome.terminalSeq } as RunRow);
  if (first) await log.append(first.event);
  const ended = await whileStoreIsAway(() => runs.end(outcome));
`,
      },
      {
        file: 'apps/worker/src/end-run.ts',
        search:
          '  await log.append(terminal.event, AbortSignal.any([leaving, AbortSignal.timeout(closeMsMax)]));\n',
        replace: '',
      },
    ],
  },
  {
    id: 'M8',
    name: 'the reader is sent the next event past a hole',
    scenario: 'lostMessages',
    breaks: 'no-gap',
    promise: 3,
    inModel: true,
    edits: [
      {
        file: subscription,
        search: '      if (!isNextEventId(position, event.id)) return false;\n',
        replace: '',
      },
    ],
  },
  {
    id: 'M9',
    name: 'XADD *: the log gives out the places',
    scenario: 'lostReplies',
    breaks: 'prefix',
    promise: 1,
    inModel: false,
    edits: [
      {
        file: appendScript,
        search: "    if first > head + 1 then return { 'GAP', head } end\n",
        replace: '',
      },
      { file: appendScript, search: 'if last > head then', replace: 'do' },
      { file: appendScript, search: 'for seq = head + 1, last do', replace: 'for seq = first, last do' },
      {
        file: appendScript,
        search: "local added = try('XADD', log, id,",
        replace: "local added\n      id = call('XADD', log, ARGV[at] .. '-*',",
      },
      {
        file: appendScript,
        search: "      call('HSET', meta, 'seq', place)\n",
        replace: "      call('HSET', meta, 'seq', head + last - first + 1)\n",
      },
    ],
  },
  {
    id: 'M10',
    name: 'history is read before the hub listens',
    scenario: 'slowListening',
    breaks: 'one-end',
    promise: 4,
    inModel: true,
    edits: [{ file: subscription, search: '    await options.listening;\n', replace: '' }],
  },
];
