/** A queue without processes: users who ask, and a look at the line that they stand in. On a real Postgres. */

import type { UserLimits } from '@holdfast/shared/http/limits.ts';
import type { PostMessage } from '@holdfast/shared/http/schemas.ts';
import { v7Id } from '@holdfast/shared/id.ts';
import { type Asking, acceptMessage } from '@holdfast/shared/store/accept.ts';
import { createConversation } from '@holdfast/shared/store/conversations.ts';
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import { cancelQueued, getRun } from '@holdfast/shared/store/runs.ts';
import { announceWorker } from '@holdfast/shared/store/workers.ts';
import type { Stack } from './stack.ts';

/** Somebody who asks, each time in a new conversation unless told otherwise. Returns the run's id. */
export interface Asker {
  readonly id: string;
  readonly asking: Asking;
  ask(more?: Partial<PostMessage> & { conversationId?: string }): Promise<string>;
  converse(): Promise<string>;
}

export function openStore(stack: Stack, connectionsMax = 8): Store {
  return connectDatabase({
    url: String(stack.env['DATABASE_URL']),
    connectionsMax,
    applicationName: 'test',
    onIdleError: () => undefined,
  });
}

const request = (userId: string) => ({ userId, key: undefined, fingerprint: null });

/** A new user. `waitingRunsMax`: the setting of the server. */
export async function newAsker(
  store: Store,
  limits: UserLimits = {},
  waitingRunsMax = 10_000,
): Promise<Asker> {
  const id = v7Id();
  await store
    .insertInto('users')
    .values({ id, name: 'Asker', limits: JSON.stringify(limits) })
    .execute();
  const converse = async () => (await createConversation(store, request(id), {})).id;
  const asking: Asking = {
    request: request(id),
    limits,
    allowance: { tokensPerDay: 0, tokensPerRun: 2_000 },
    waitingRunsMax,
    defaultModel: 'stand-in',
  };
  return {
    id,
    asking,
    converse,
    async ask({ conversationId, ...input } = {}) {
      const into = conversationId ?? (await converse());
      const { result } = await acceptMessage(store, asking, into, { text: 'A question', ...input });
      return result.run.id;
    },
  };
}

/** Workers that are there for so many runs at a time, and answer none. */
export function pretendWorker(store: Store, concurrency: number, id = 'pretended'): Promise<void> {
  return announceWorker(store, { id, concurrency, liveMs: 3_600_000 });
}

/** Ends runs as a worker would. */
export async function pretendEnds(store: Store, runIds: readonly string[]): Promise<void> {
  for (const runId of runIds) {
    // What ends it does not matter to the queue; that nobody holds it makes it one statement.
    await cancelQueued(store, await getRun(store, runId), '');
  }
}

/** Empties the queue between tests. */
export async function emptyQueue(stack: Stack): Promise<void> {
  await stack.db.query(`delete from conversations`);
  await stack.db.query(`delete from freed_places`);
  await stack.db.query(`delete from fair_queue`);
  await stack.db.query(`delete from workers`);
}
