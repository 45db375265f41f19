/** What is left in the end in Postgres, in Redis, and in the provider's journal. */
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { readDirective } from '../../../packages/stand-in/src/directive.ts';
import { scriptedText } from '../../../packages/stand-in/src/script.ts';
import type { LogEntry, Prompt, Tree, TreeAttempt, TreeMessage, TreeRun } from '../checker/history.ts';
import { residentBytes } from '../resident-memory.ts';
import type { Stack } from '../stack.ts';

/** Where all of it is. */
export type Kept = Pick<Stack, 'db' | 'redis' | 'redisPrefix'> & {
  readonly apis: readonly { readonly pid: number }[];
  readonly workers: readonly { readonly pid: number }[];
  readonly upstream: Pick<Stack['upstream'], 'journal'>;
};

/** Everything that is kept, as it stands now. */
export async function readTree(stack: Kept): Promise<Tree> {
  const { db } = stack;
  const conversations = await db.query<Tree['conversations'][number]>('select id, title from conversations');
  const messages = await db.query<TreeMessage>(
    `select id, conversation_id as "conversationId", parent_id as "parentId", role, text, status,
            author_id as "authorId", run_id as "runId"
     from messages`,
  );
  const microseconds = (column: string) => `(extract(epoch from ${column}) * 1000000)::float8`;
  const runs = await db.query<TreeRun>(
    `select id, conversation_id as "conversationId", user_id as "userId", prompt_message_id as "promptMessageId",
            message_id as "messageId", status, attempt, terminal_seq as "terminalSeq",
            cancel_requested_at is not null as "cancelRequested", number::float8 as number,
            ${microseconds('created_at')} as "createdAt", ${microseconds('dispatched_at')} as "dispatchedAt",
            ${microseconds('started_at')} as "startedAt", ${microseconds('finished_at')} as "finishedAt"
     from runs`,
  );
  const attempts = await db.query<TreeAttempt>(
    `select run_id as "runId", attempt, ended_at is not null as ended from run_attempts`,
  );
  const processes = [...stack.apis, ...stack.workers].map((child, index) => ({
    name: `${index < stack.apis.length ? 'API' : 'worker'} ${child.pid}`,
    residentBytes: residentBytes(child.pid),
  }));
  return {
    conversations: conversations.rows,
    messages: messages.rows,
    runs: runs.rows,
    attempts: attempts.rows,
    logs: await readLogs(
      stack,
      runs.rows.map(({ id }) => id),
    ),
    prompts: readPrompts(stack),
    processes,
  };
}

/** Logs that one round trip asks for. */
const logsPerTrip = 100;

async function readLogs({ redis, redisPrefix }: Kept, runIds: readonly string[]): Promise<Tree['logs']> {
  const logs: { runId: string; entries: LogEntry[] }[] = [];
  for (let from = 0; from < runIds.length; from += logsPerTrip) {
    const trip = runIds.slice(from, from + logsPerTrip);
    const replies = await Promise.all(trip.map((id) => redis.xrange(runKeys(redisPrefix, id).log, '-', '+')));
    for (const [index, reply] of replies.entries()) {
      const entries = reply.map(([id, fields]) => ({ id, type: fields[1] ?? '', data: fields[3] ?? '{}' }));
      if (entries.length > 0) logs.push({ runId: trip[index] ?? '', entries });
    }
  }
  return logs;
}

function readPrompts({ upstream }: Kept): Prompt[] {
  return upstream.journal().map(({ body, closedAtMs }) => {
    const { messages } = body as Pick<Prompt, 'messages'>;
    return {
      messages,
      closedAt: closedAtMs === null ? null : closedAtMs * 1_000,
      // Titles are made of the conversation, not of a directive alone.
      answer: messages[0]?.role === 'system' ? null : wholeAnswer(messages.at(-1)?.content ?? ''),
    };
  });
}

/** What the stand-in says to this question when nothing goes wrong: always the same. */
function wholeAnswer(question: string): string | null {
  const directive = readDirective(question);
  return directive && !directive.echo && directive.fault !== 'hugeLine' && !directive.nul
    ? scriptedText(directive).join('')
    : null;
}
