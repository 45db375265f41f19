/** Holdfast's own processes, and answers that are under way in its database. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { testUser } from '../../test/support/test-user.ts';
import type { Context } from './context.ts';
import type { Role } from './role.ts';

export const redisPrefix = 'bench';

/** Limits that a load from one user of one machine would meet, raised; everything else as it is delivered. */
export async function holdfastEnv(context: Context): Promise<Record<string, string>> {
  const redis = await context.redis();
  return {
    DATABASE_URL: context.databaseUrl,
    REDIS_URL: redis.url,
    REDIS_PREFIX: redisPrefix,
    LOG_LEVEL: 'warn',
    TITLES: 'off',
    OPENAI_API_KEY: 'sk-bench',
    OPENAI_MODEL: 'bench',
    REQUESTS_PER_USER_PER_MINUTE: '10000000',
    REQUESTS_PER_ADDRESS_PER_MINUTE: '10000000',
    EVENT_CONNECTIONS_PER_USER_MAX: '10000',
    EVENT_CONNECTIONS_PER_ADDRESS_MAX: '10000',
    RUNS_PER_USER_MAX: '5000',
    WAITING_RUNS_PER_USER_MAX: '100000',
  };
}

/** Starts an API process of the product. */
export async function startApi(context: Context): Promise<Role> {
  return context.role({
    name: 'The API',
    file: 'apps/api/src/main.ts',
    env: { ...(await holdfastEnv(context)), PORT: '0' },
    nodeArgs: ['--expose-gc', '--import', new URL('probe.ts', import.meta.url).href],
  });
}

/** Puts answers that a worker holds into the database, and returns the ids of their runs. */
export async function insertRunningRuns(databaseUrl: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => ({
    conversation: randomUUID(),
    prompt: randomUUID(),
    message: randomUUID(),
    run: randomUUID(),
  }));
  const column = (name: keyof (typeof ids)[number]) => ids.map((each) => each[name]);
  const values = [column('conversation'), column('prompt'), column('message'), column('run'), testUser.id];
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const each =
    'unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) as each (conversation, prompt, message, run)';
  try {
    await client.query(
      `with each as (select *, $5::uuid as person from ${each}),
       c as (insert into conversations (id, leaf_id) select conversation, message from each),
       m as (insert into members (conversation_id, user_id, role) select conversation, person, 'owner' from each),
       p as (insert into messages (id, conversation_id, parent_id, role, text, run_id, author_id, status)
             select prompt, conversation, null, 'user', 'bench', null, person, 'completed' from each
             union all
             select message, conversation, prompt, 'assistant', '', run, null, 'pending' from each)
       insert into runs (id, conversation_id, user_id, prompt_message_id, message_id, model, status, attempt,
                         worker_id, lease_until, dispatched_at, started_at)
       select run, conversation, person, prompt, message, 'bench', 'running', 1,
              'bench', now() + interval '1 day', now(), now() from each`,
      values,
    );
  } finally {
    await client.end();
  }
  return column('run');
}
