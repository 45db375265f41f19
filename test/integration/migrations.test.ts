/** Bringing a database up to date: from nothing or from an older release, by one process or by several at once. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Conversation, History, RunView } from '@holdfast/shared/http/schemas.ts';
import { connectDatabase } from '@holdfast/shared/store/database.ts';
import { localUserId } from '@holdfast/shared/store/local-user.ts';
import { migrate } from '@holdfast/shared/store/migrate.ts';
import { hashToken, newToken } from '@holdfast/shared/token.ts';
import pg from 'pg';
import { afterAll, expect, inject, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { runChild } from '../../scripts/services/process.ts';
import { type ask, call, question } from '../support/ask.ts';
import { again, answered, empty, fillAsFirstRelease, id, queued, running } from '../support/first-release.ts';
import { patience } from '../support/inspect.ts';
import { startStack } from '../support/stack.ts';

const folder = new URL('../../packages/shared/src/store/migrations/', import.meta.url);

/** Every migration that was written: one that is not in the list of `migrate.ts` would never run. */
const names: string[] = [];
for (const file of readdirSync(folder).toSorted()) {
  const module = (await import(new URL(file, folder).href)) as object;
  if ('up' in module) names.push(file.replace('.ts', ''));
}

interface TestDatabase {
  readonly url: string;
  readonly client: pg.Client;
}

const cleanUps: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

/** A database without any table, and a connection to it. */
async function emptyDatabase(): Promise<TestDatabase> {
  const name = `migrations_${process.pid}_${cleanUps.length}`;
  const admin = new pg.Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  await admin.query(`create database "${name}" template template0`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = name;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  cleanUps.push(async () => {
    await client.end();
    await admin.query(`drop database if exists "${name}" with (force)`);
    await admin.end();
  });
  return { url: url.href, client };
}

/** The real program. Rejects unless it ends with code 0. */
let started = 0;
function runMigration(url: string): Promise<void> {
  return runChild({
    name: 'The migration',
    args: ['apps/api/src/migrate.ts'],
    env: { DATABASE_URL: url },
    log: join(inject('logDir'), `migrations-${process.pid}-${started++}.log`),
  });
}

async function applied({ client }: TestDatabase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('select name from kysely_migration order by name');
  return rows.map(({ name }) => name);
}

/** Brings a database to what the first release had. */
async function migrateToFirst({ url }: TestDatabase): Promise<void> {
  const store = connectDatabase({
    url,
    connectionsMax: 2,
    applicationName: 'test',
    onIdleError: () => {},
  });
  expect(await migrate(store, '0001-spine')).toEqual(['0001-spine']);
  await store.destroy();
}

it('three processes at once bring an empty database up to date, each migration once, and all succeed; again and again', async () => {
  expect(names.length).toBeGreaterThan(5);
  for (let round = 0; round < 4; round += 1) {
    const database = await emptyDatabase();
    await Promise.all([1, 2, 3].map(() => runMigration(database.url)));
    expect(await applied(database)).toEqual(names);
    const { rows } = await database.client.query('select id from users');
    expect(rows).toEqual([{ id: localUserId }]);
    await runMigration(database.url);
    expect(await applied(database)).toEqual(names);
  }
});

it('a process that finds an older database does not start, and says what to do', async () => {
  const database = await emptyDatabase();
  const start = () =>
    runChild({
      name: 'The API',
      args: ['apps/api/src/main.ts'],
      env: { DATABASE_URL: database.url, REDIS_URL: inject('redisUrl'), REDIS_AOF: 'optional', PORT: '0' },
      log: join(inject('logDir'), `migrations-${process.pid}-${started++}.log`),
    });
  await expect(start()).rejects.toThrow('The database has no tables yet: run `npm run migrate` first.');
  await migrateToFirst(database);
  await expect(start()).rejects.toThrow(
    'The database is older than this release: run `npm run migrate` first.',
  );
});

it('a migration may take longer than a request may, and so may the wait for another process that migrates', async () => {
  const database = await emptyDatabase();
  await migrateToFirst(database);
  const { client } = database;
  // What stands in the way of the first process is as good as a large table.
  await client.query('begin');
  await client.query('lock table users in access exclusive mode');
  const ended = Promise.all([runMigration(database.url), runMigration(database.url)]);
  ended.catch(() => {});
  const watcher = new pg.Client({ connectionString: database.url });
  await watcher.connect();
  try {
    await expect
      .poll(async () => {
        // The processes' own limit is 5 s (`queryMsMax`) where it applies.
        const { rows } = await watcher.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query_start < now() - interval '7 seconds'`,
        );
        return rows[0]?.n;
      }, patience)
      .toBe(2);
  } finally {
    await watcher.end();
    await client.query('commit');
  }
  await ended;
  expect(await applied(database)).toEqual(names);
});

it('a database of the first release comes up to date with all that is in it, and what waited is answered', async () => {
  const database = await emptyDatabase();
  await migrateToFirst(database);
  await fillAsFirstRelease(database.client);
  const { client } = database;
  const before = (await client.query('select id, text from messages order by id')).rows;
  await Promise.all([1, 2, 3].map(() => runMigration(database.url)));
  expect(await applied(database)).toEqual(names);

  const select = async (text: string) => (await client.query<Record<string, unknown>>(text)).rows;
  expect(await select('select conversation_id, user_id, role from members order by conversation_id')).toEqual(
    [answered, running, queued, empty, again].map((conversation_id) => ({
      conversation_id,
      user_id: localUserId,
      role: 'owner',
    })),
  );
  expect(await select(`select id, text from messages where status <> 'pending' order by id`)).toEqual(before);
  expect(await select(`select distinct role, author_id from messages order by role`)).toEqual([
    { role: 'assistant', author_id: null },
    { role: 'user', author_id: localUserId },
  ]);
  expect(
    await select(
      `select id, parent_id, run_id, role, text from messages where status = 'pending' order by id`,
    ),
  ).toEqual([
    { id: id(24), parent_id: id(23), run_id: id(26), role: 'assistant', text: '' },
    { id: id(32), parent_id: id(31), run_id: id(33), role: 'assistant', text: '' },
    { id: id(53), parent_id: id(51), run_id: id(55), role: 'assistant', text: '' },
  ]);
  expect(await select(`select id, phase, behind from runs where phase <> 'ended' order by id`)).toEqual(
    [26, 33, 55].map((run) => ({ id: id(run), phase: 'in_flight', behind: false })),
  );
  expect(
    await select('select id, leaf_id, title, title_by, deleted_at from conversations order by id'),
  ).toEqual([
    { id: answered, leaf_id: id(12), title: 'Answered', title_by: 'user', deleted_at: null },
    { id: running, leaf_id: id(24), title: null, title_by: null, deleted_at: null },
    { id: queued, leaf_id: id(32), title: 'Queued', title_by: 'user', deleted_at: null },
    { id: empty, leaf_id: null, title: null, title_by: null, deleted_at: null },
    { id: again, leaf_id: id(53), title: 'Again', title_by: 'user', deleted_at: null },
  ]);

  const token = newToken('hfk');
  await client.query(
    `insert into api_keys (id, user_id, name, token_hash, hint) values ($1, $1, 'tests', $2, 'hfk_test')`,
    [localUserId, hashToken(token)],
  );
  const stack = await startStack({ postgresUrl: () => database.url });
  try {
    const base = stack.apis[0]?.url ?? '';
    const headers = { authorization: `Bearer ${token}` };
    const get = async <T>(path: string): Promise<T> =>
      (await call<T>(base, 'GET', path, undefined, headers)).body;
    const { conversations } = await get<{ conversations: Conversation[] }>('/api/conversations');
    expect(new Map(conversations.map((each) => [each.id, [each.role, each.systemPrompt]]))).toEqual(
      new Map([answered, running, queued, empty, again].map((each) => [each, ['owner', 'Be brief.']])),
    );
    for (const [run, attempt] of [
      [26, 2],
      [33, 1],
      [55, 1],
    ] as const) {
      await expect
        .poll(async () => (await get<RunView>(`/api/runs/${id(run)}`)).status, patience)
        .toBe('completed');
      expect(await get<RunView>(`/api/runs/${id(run)}`)).toMatchObject({ attempt, userId: localUserId });
    }
    const branch = async (conversationId: string) =>
      (await get<History>(`/api/conversations/${conversationId}/messages`)).messages.map((each) => [
        each.id,
        each.text,
      ]);
    const answer = (seed: number) => scriptedText({ deltas: 4, seed }).join('');
    expect(await branch(answered)).toEqual([
      [id(11), 'A question.'],
      [id(12), 'An answer.'],
    ]);
    expect(await branch(running)).toEqual([
      [id(21), 'Earlier.'],
      [id(22), 'Answered earlier.'],
      [id(23), question({ deltas: 4, seed: 502 })],
      [id(24), answer(502)],
    ]);
    expect((await branch(queued)).at(-1)).toEqual([id(32), answer(503)]);
    expect((await branch(again)).at(-1)).toEqual([id(53), answer(505)]);

    // And it goes on where it was.
    const next = await call<Awaited<ReturnType<typeof ask>>>(
      base,
      'POST',
      `/api/conversations/${answered}/messages`,
      { text: question({ deltas: 4, seed: 506 }) },
      headers,
    );
    expect(next.body.message).toMatchObject({ parentId: id(12), authorId: localUserId });
    await expect
      .poll(async () => (await branch(answered)).at(-1), patience)
      .toEqual([next.body.run.messageId, answer(506)]);
  } finally {
    await stack.stop();
  }
});
