/** What the first release left behind in a database: conversations of the local user in every state. */
import { localUserId } from '@holdfast/shared/store/local-user.ts';
import type pg from 'pg';
import { question } from './ask.ts';

export const id = (n: number): string => `01990000-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Its conversations: answered, being answered, waiting, empty, and waiting for another answer. */
export const answered = id(1);
export const running = id(2);
export const queued = id(3);
export const empty = id(4);
export const again = id(5);

/** Fills a database that has the first migration only. */
export async function fillAsFirstRelease(client: pg.Client): Promise<void> {
  const conversation = (conversationId: string, title: string | null, leafId: string | null) =>
    client.query(
      `insert into conversations (id, user_id, title, system_prompt, model, parameters, leaf_id)
       values ($1, $2, $3, 'Be brief.', 'stand-in', '{"temperature": 0.5}', $4)`,
      [conversationId, localUserId, title, leafId],
    );
  const message = (
    n: number,
    conversationId: string,
    parent: number | null,
    text: string,
    run: number | null = null,
  ) =>
    client.query(
      `insert into messages (id, conversation_id, parent_id, role, text, run_id, status)
       values ($1, $2, $3, $4, $5, $6, 'completed')`,
      [
        id(n),
        conversationId,
        parent && id(parent),
        run === null ? 'user' : 'assistant',
        text,
        run && id(run),
      ],
    );
  const run = (n: number, conversationId: string, prompt: number, answer: number, rest: object) => {
    const row = {
      id: id(n),
      conversation_id: conversationId,
      user_id: localUserId,
      prompt_message_id: id(prompt),
      message_id: id(answer),
      model: 'stand-in',
      rung_at: new Date(Date.now() - 3_600_000),
      ...rest,
    };
    const columns = Object.keys(row);
    return client.query(
      `insert into runs (${columns.join()}) values (${columns.map((_, place) => `$${place + 1}`).join()})`,
      Object.values(row),
    );
  };
  const done = {
    status: 'completed',
    attempt: 1,
    terminal_seq: 3,
    finish_reason: 'stop',
    finished_at: new Date(),
  };

  await conversation(answered, 'Answered', id(12));
  await message(11, answered, null, 'A question.');
  await message(12, answered, 11, 'An answer.', 13);
  await run(13, answered, 11, 12, done);

  await conversation(running, null, id(23));
  await message(21, running, null, 'Earlier.');
  await message(22, running, 21, 'Answered earlier.', 25);
  await run(25, running, 21, 22, done);
  await message(23, running, 22, question({ deltas: 4, seed: 502 }));
  // Its worker was stopped for the upgrade.
  await run(26, running, 23, 24, {
    status: 'running',
    attempt: 1,
    worker_id: 'of the first release',
    lease_until: new Date(Date.now() - 1_000),
    started_at: new Date(),
  });

  await conversation(queued, 'Queued', id(31));
  await message(31, queued, null, question({ deltas: 4, seed: 503 }));
  await run(33, queued, 31, 32, {});

  await conversation(empty, null, null);

  await conversation(again, 'Again', id(51));
  await message(51, again, null, question({ deltas: 4, seed: 505 }));
  await message(52, again, 51, 'The first answer.', 54);
  await run(54, again, 51, 52, done);
  await run(55, again, 51, 53, {});
}
