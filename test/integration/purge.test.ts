/** Deleting a conversation: hidden and stopped at once, removed in the end. */
import type { Conversation } from '@holdfast/shared/http/schemas.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, follow, getHistory, getRun, question } from '../support/ask.ts';
import { firstUrl, patience, storedEnd, underWay, watch } from '../support/inspect.ts';
import { join, makePerson, recorded } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;

beforeAll(async () => {
  stack = await startStack();
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

interface Page {
  readonly conversations: Conversation[];
}

describe('DELETE /api/conversations/{id}', () => {
  it('stops all its runs, shows every reader that they are cancelled, and hides it from everybody', async () => {
    const reader = await makePerson(stack, 'Somebody');
    const { run } = await ask(base, question({ deltas: 2_000, intervalMs: 20 }));
    const waiting = await ask(base, 'And then?', run.conversationId);
    await join(base, run.conversationId, reader, 'reader');
    const [first] = watch([base], run);
    const [second] = watch([base], waiting.run);
    await underWay(first);

    const deleted = await call(base, 'DELETE', `/api/conversations/${run.conversationId}`);
    expect(deleted).toMatchObject({ status: 204, body: null });
    await Promise.all([first.done, second.done]);
    expect(first.record.terminal?.type).toBe('cancelled');
    expect(second.record.terminal?.type).toBe('cancelled');
    expect((await storedEnd(stack, run.id)).status).toBe('cancelled');
    expect((await storedEnd(stack, waiting.run.id)).status).toBe('cancelled');

    for (const headers of [testUser.headers, reader.headers]) {
      for (const path of [
        `conversations/${run.conversationId}`,
        `conversations/${run.conversationId}/messages`,
        `runs/${run.id}`,
        `runs/${run.id}/events`,
      ]) {
        expect((await call(base, 'GET', `/api/${path}`, undefined, headers)).status, path).toBe(404);
      }
      const { conversations } = (await call<Page>(base, 'GET', '/api/conversations', undefined, headers))
        .body;
      expect(conversations.map(({ id }) => id)).not.toContain(run.conversationId);
    }
    expect(await recorded(stack, reader.id, run.conversationId)).toContainEqual(
      expect.objectContaining({ type: 'conversation.removed' }),
    );
    expect((await call(base, 'DELETE', `/api/conversations/${run.conversationId}`)).status).toBe(404);
  });

  it('is for owners', async () => {
    const writer = await makePerson(stack, 'Somebody');
    const { id } = await createConversation(base);
    await join(base, id, writer, 'writer');
    expect((await call(base, 'DELETE', `/api/conversations/${id}`, undefined, writer.headers)).status).toBe(
      403,
    );
    expect((await call(base, 'GET', `/api/conversations/${id}`)).status).toBe(200);
  });

  it('takes no message that comes at the same time, or stops its run', async () => {
    const conversation = await createConversation(base);
    const [, posted] = await Promise.all([
      call(base, 'DELETE', `/api/conversations/${conversation.id}`),
      call<{ run: { id: string } }>(base, 'POST', `/api/conversations/${conversation.id}/messages`, {
        text: question({ deltas: 500, intervalMs: 20 }),
      }),
    ]);
    if (posted.status === 202) expect((await storedEnd(stack, posted.body.run.id)).status).toBe('cancelled');
    else expect(posted.status).toBe(404);
  });
});

/** What is left of a conversation, by table. */
async function left(conversationId: string): Promise<Record<string, number>> {
  const { rows } = await stack.db.query<Record<string, number>>(
    `select (select count(*) from conversations where id = $1)::int as conversations,
       (select count(*) from messages where conversation_id = $1)::int as messages,
       (select count(*) from runs where conversation_id = $1)::int as runs,
       (select count(*) from members where conversation_id = $1)::int as members,
       (select count(*) from search_terms where conversation_id = $1)::int as terms`,
    [conversationId],
  );
  return rows[0] ?? {};
}
const nothing = { conversations: 0, messages: 0, runs: 0, members: 0, terms: 0 };

/** As if they had been deleted, and their runs had ended, before the minute that readers of the end have. */
async function deletedLongAgo(...ids: string[]): Promise<void> {
  for (const id of ids) {
    expect((await call(base, 'DELETE', `/api/conversations/${id}`)).status).toBe(204);
  }
  await stack.db.query(
    `update runs set finished_at = now() - interval '2 minutes' where conversation_id = any($1) and finished_at is not null`,
    [ids],
  );
  await stack.db.query(
    `update conversations set deleted_at = now() - interval '2 minutes' where id = any($1)`,
    [ids],
  );
}

const logsOf = (runIds: string[]): string[] =>
  runIds.flatMap((id) => {
    const { log, meta } = runKeys(stack.redisPrefix, id);
    return [log, meta];
  });

/** A conversation with two answers to one question, both ended, and the ids of their runs. */
async function answeredTwice(): Promise<{ id: string; runIds: string[]; messageId: string }> {
  const { run } = await ask(base, question({ deltas: 5 }));
  await follow([base], run);
  const path = `/api/messages/${run.messageId}/regenerate`;
  const again = await call<{ run: { id: string; eventsUrl: string } }>(base, 'POST', path);
  await follow([base], again.body.run);
  return { id: run.conversationId, runIds: [run.id, again.body.run.id], messageId: run.promptMessageId };
}

/** More messages than one statement removes, each an answer to the one before: the first takes all others along. */
async function grow(id: string, messageId: string): Promise<void> {
  await stack.db.query(
    `with made as (select gen_random_uuid() as id, n from generate_series(1, 1200) n)
     insert into messages (id, conversation_id, parent_id, role, text, status)
     select made.id, $1, coalesce(before.id, $2), 'user', 'and so on', 'completed'
     from made left join made before on before.n = made.n - 1 order by made.n`,
    [id, messageId],
  );
}

describe('what was deleted', () => {
  it('is removed in the end, rows and run logs, also when the worker that does it dies in between', async () => {
    const other = await ask(base, question({ deltas: 5 }));
    await follow([base], other.run);
    const unfinished = await answeredTwice();
    const { id, runIds, messageId } = await answeredTwice();
    await grow(id, messageId);
    expect(await stack.redis.exists(...logsOf(runIds))).toBe(4);
    // As if a worker of long ago held a run of it.
    await stack.db.query(
      `insert into runs (id, conversation_id, user_id, prompt_message_id, message_id, model, status, lease_until)
       select gen_random_uuid(), conversation_id, user_id, prompt_message_id, gen_random_uuid(), model, 'running', now() + interval '1 hour'
       from runs where id = any($1) limit 1`,
      [unfinished.runIds],
    );

    // The purger stops where it removes the last of the messages: those before, and the runs, are gone by then.
    const lock = await stack.db.connect();
    await lock.query('begin');
    await lock.query('select from messages where id = $1 for update', [messageId]);
    await deletedLongAgo(unfinished.id, id);
    const blocked = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                     and wait_event_type = 'Lock' and query like '%delete from messages%'`;
    await expect.poll(async () => (await stack.db.query(blocked)).rowCount, patience).toBe(1);
    await stack.workers[0]?.kill();
    await stack.db.query(`select pg_terminate_backend(pid) from (${blocked}) as worker`);
    await expect.poll(async () => (await stack.db.query(blocked)).rowCount, patience).toBe(0);
    await lock.query('rollback');
    lock.release();
    expect(await left(id)).toMatchObject({ conversations: 1, runs: 0 });
    expect((await left(id))['messages']).toBeGreaterThan(0);
    expect(await stack.redis.exists(...logsOf(runIds))).toBe(0);

    // Its claim runs out, and another worker takes the rest.
    await stack.db.query('update conversations set purge_after = now() where id = $1', [id]);
    await stack.startWorker();
    await expect.poll(() => left(id), patience).toEqual(nothing);
    const used = await stack.db.query(
      'select sum(output_tokens)::int as tokens from run_attempts where run_id = any($1)',
      [runIds],
    );
    expect(used.rows).toEqual([{ tokens: 10 }]);

    expect(await left(unfinished.id), 'a run of it has not ended').toMatchObject({
      conversations: 1,
      runs: 3,
    });
    expect(await stack.redis.exists(...logsOf(unfinished.runIds))).toBe(4);
    expect((await getRun(base, other.run.id)).status).toBe('completed');
    expect((await getHistory(base, other.run.conversationId)).messages).toHaveLength(2);
    expect(await stack.redis.exists(...logsOf([other.run.id]))).toBe(2);
  });
});
