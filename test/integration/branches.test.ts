/** The tree of a conversation: versions of one place, the branch that is shown, and what follows what. */
import type { AcceptedMessage, Conversation, History, RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, getHistory, question } from '../support/ask.ts';
import { firstUrl, storedEnd, storedRun, underWay, watch } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;

beforeAll(async () => {
  stack = await startStack();
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

const slow = question({ deltas: 2_000, intervalMs: 20 });
const quick = (words: string) => question({ deltas: 3 }, words);

const select = (conversationId: string, leafId: string) =>
  call<Conversation>(base, 'PATCH', `/api/conversations/${conversationId}`, { leafId });
const cancel = (run: RunView) => call(base, 'POST', `/api/runs/${run.id}/cancel`);

async function edit(messageId: string, text: string, more: object = {}): Promise<AcceptedMessage> {
  const reply = await call<AcceptedMessage>(base, 'POST', `/api/messages/${messageId}/edit`, {
    text,
    ...more,
  });
  expect(reply.status).toBe(202);
  return reply.body;
}

async function regenerate(messageId: string): Promise<RunView> {
  const reply = await call<{ run: RunView }>(base, 'POST', `/api/messages/${messageId}/regenerate`);
  expect(reply.status).toBe(202);
  return reply.body.run;
}

/** Asks, and waits for the answer. */
async function asked(text: string, conversationId?: string): Promise<AcceptedMessage> {
  const accepted = await ask(base, text, conversationId);
  await storedEnd(stack, accepted.run.id);
  return accepted;
}

/** The shown branch as ids, each with its place among its versions. */
const shown = ({ messages }: History): string[] =>
  messages.map(({ id, siblings }) => `${id} ${siblings.position}/${siblings.ids.length}`);

describe('versions', () => {
  it('an edited first message stands beside the original, and each can be shown again', async () => {
    const first = await asked(quick('First?'));
    const { conversationId } = first.run;
    const second = await asked(quick('Second?'), conversationId);
    const edited = await edit(first.message.id, quick('Other first?'));
    await storedEnd(stack, edited.run.id);

    const history = await getHistory(base, conversationId);
    expect(shown(history)).toEqual([`${edited.message.id} 2/2`, `${edited.run.messageId} 1/1`]);
    expect(history.messages[0]).toMatchObject({
      parentId: null,
      siblings: { ids: [first.message.id, edited.message.id], position: 2 },
    });

    const selected = await select(conversationId, first.message.id);
    expect(selected).toMatchObject({ status: 200, body: { leafId: second.run.messageId } });
    expect(shown(await getHistory(base, conversationId))).toEqual([
      `${first.message.id} 1/2`,
      `${first.run.messageId} 1/1`,
      `${second.message.id} 1/1`,
      `${second.run.messageId} 1/1`,
    ]);
  });

  it('a message that is sent after an older branch was chosen continues that one, and so does its prompt', async () => {
    const { message, run } = await asked(quick('What is a bowline?'));
    const again = await regenerate(run.messageId);
    await storedEnd(stack, again.id);
    await edit(message.id, quick('What is a sheet bend?')).then(({ run: other }) =>
      storedEnd(stack, other.id),
    );

    await select(run.conversationId, run.messageId);
    const next = await asked(question({ deltas: 3, key: 'continued' }, 'And its use?'), run.conversationId);
    expect(next.message.parentId).toBe(run.messageId);
    expect(shown(await getHistory(base, run.conversationId))).toEqual([
      `${message.id} 1/2`,
      `${run.messageId} 1/2`,
      `${next.message.id} 1/1`,
      `${next.run.messageId} 1/1`,
    ]);
    const request = stack.upstream.journal().find(({ key }) => key === 'continued');
    const { messages = [] } = (request?.body ?? {}) as { messages?: { content: string }[] };
    const { text = '' } = (await getHistory(base, run.conversationId)).messages[1] ?? {};
    expect(messages.map(({ content }) => content)).toEqual([
      quick('What is a bowline?'),
      text,
      question({ deltas: 3, key: 'continued' }, 'And its use?'),
    ]);
  });

  it('an answer that is asked for twice in a row is given twice, and the newer one is shown', async () => {
    const { run } = await asked(quick('Again and again?'));
    const second = await regenerate(run.messageId);
    const third = await regenerate(run.messageId);
    expect((await storedEnd(stack, second.id)).status).toBe('completed');
    expect((await storedEnd(stack, third.id)).status).toBe('completed');
    const { messages } = await getHistory(base, run.conversationId);
    expect(messages.at(-1)).toMatchObject({
      id: third.messageId,
      siblings: { ids: [run.messageId, second.messageId, third.messageId], position: 3 },
    });
  });

  it('an answer that has not ended is no version yet', async () => {
    const { run } = await asked(quick('Quick?'));
    const pending = await regenerate((await ask(base, slow, run.conversationId)).message.id);
    const { messages, activeRun, waitingRuns } = await getHistory(base, run.conversationId);
    expect(messages).toHaveLength(3);
    expect(messages.every(({ siblings }) => siblings.ids.length === 1)).toBe(true);
    expect(waitingRuns.map(({ id }) => id)).toEqual([pending.id]);
    await cancel(pending);
    if (activeRun) await cancel(activeRun);
  });

  it('a long branch names the versions of each of its messages', async () => {
    const { id } = await createConversation(base);
    // A chain of 2,100 messages; every third has an older version beside it.
    await stack.db.query(
      `with chain as (select n, gen_random_uuid() as id from generate_series(1, 2100) n),
       placed as (select n, id, lag(id) over (order by n) as parent from chain),
       versions as (
         select n, id, parent, 1 as version from placed
         union all select n, gen_random_uuid(), parent, 0 from placed where n % 3 = 0
       ), stored as (
         insert into messages (id, conversation_id, parent_id, role, text, status)
         select id, $1, parent, case n % 2 when 1 then 'user' else 'assistant' end, 'm' || n, 'completed'
         from versions order by n, version)
       update conversations set leaf_id = (select id from placed where n = 2100) where id = $1`,
      [id],
    );
    const { messages } = await getHistory(base, id);
    expect(messages.map(({ text }) => text)).toEqual(Array.from({ length: 2_000 }, (_, n) => `m${n + 101}`));
    const wrong = messages.filter(
      ({ siblings, id: own }, n) =>
        siblings.ids.length !== ((n + 101) % 3 === 0 ? 2 : 1) || siblings.ids[siblings.position - 1] !== own,
    );
    expect(wrong).toEqual([]);
  });
});

describe('choosing a branch', () => {
  it('goes by final messages of this conversation alone, and says the same about all others', async () => {
    const mine = await asked(quick('Mine?'));
    const elsewhere = await asked(quick('Elsewhere?'));
    const pending = await ask(base, slow, mine.run.conversationId);
    const unknown = '01890000-0000-7000-8000-000000000000';
    const details = new Set<string>();
    for (const leafId of [elsewhere.message.id, pending.run.messageId, unknown]) {
      const reply = await call<{ code: string; detail: string }>(
        base,
        'PATCH',
        `/api/conversations/${mine.run.conversationId}`,
        { leafId },
      );
      expect(reply).toMatchObject({ status: 404, body: { code: 'message_not_found' } });
      details.add(reply.body.detail);
    }
    expect(details.size).toBe(1);
    expect((await select(mine.run.conversationId, 'not-an-id')).status).toBe(400);
    const { messages } = await getHistory(base, mine.run.conversationId);
    expect(messages.at(-1)?.id).toBe(pending.message.id);
    await cancel(pending.run);
  });

  it('does not disturb an answer under way, and leads back to it', async () => {
    const first = await asked(quick('First?'));
    const { conversationId } = first.run;
    const live = await ask(base, slow, conversationId);
    const again = await edit(first.message.id, slow);
    const [reader] = watch([base], live.run);
    await underWay(reader);

    expect((await select(conversationId, first.run.messageId)).body.leafId).toBe(live.run.messageId);
    const { messages, activeRun, waitingRuns } = await getHistory(base, conversationId);
    expect(messages.map(({ id }) => id)).toEqual([first.message.id, first.run.messageId, live.message.id]);
    expect(activeRun?.id).toBe(live.run.id);
    expect(waitingRuns.map(({ id }) => id)).toEqual([again.run.id]);
    expect((await storedRun(stack, live.run.id)).status).toBe('running');

    await cancel(again.run);
    await cancel(live.run);
    await reader.done;
    expect((await getHistory(base, conversationId)).messages.at(-1)?.id).toBe(live.run.messageId);
  });
});

describe('editing a message whose answer is under way', () => {
  it('waits for it, is refused, or stops it', async () => {
    const original = await ask(base, slow);
    const { conversationId } = original.run;
    const [reader] = watch([base], original.run);
    await underWay(reader);

    const refused = await call(base, 'POST', `/api/messages/${original.message.id}/edit`, {
      text: 'No?',
      whenBusy: 'reject',
    });
    expect(refused).toMatchObject({ status: 409, body: { code: 'conversation_busy' } });
    const queued = await edit(original.message.id, quick('Later?'), { whenBusy: 'queue' });
    expect((await storedRun(stack, queued.run.id)).status).toBe('queued');
    expect((await storedRun(stack, original.run.id)).status).toBe('running');

    const now = await edit(original.message.id, quick('Now?'), { whenBusy: 'interrupt' });
    await reader.done;
    expect((await storedEnd(stack, original.run.id)).status).toBe('cancelled');
    expect((await storedEnd(stack, queued.run.id)).status).toBe('cancelled');
    expect((await storedEnd(stack, now.run.id)).status).toBe('completed');
    const { messages } = await getHistory(base, conversationId);
    expect(messages).toMatchObject([
      {
        id: now.message.id,
        siblings: { ids: [original.message.id, queued.message.id, now.message.id], position: 3 },
      },
      { id: now.run.messageId, status: 'completed' },
    ]);
  });
});
