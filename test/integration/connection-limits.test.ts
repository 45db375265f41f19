/** Event connections are limited per user, over all API processes, and can be broken when somebody may not read any more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AcceptedMessage, Conversation, RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis } from '../../scripts/services/redis.ts';
import { accountsAt, bearer } from '../support/accounts.ts';
import { call, question } from '../support/ask.ts';
import { firstUrl, patience, twoUrls } from '../support/inspect.ts';
import { as, makePerson, type Person } from '../support/people.ts';
import { type EventStream, openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

const perUser = 3;
const perAddress = 2;

/** Nobody answers: whoever reads goes on waiting. */
const options = {
  workers: 0,
  env: {
    EVENT_CONNECTIONS_PER_USER_MAX: String(perUser),
    EVENT_CONNECTIONS_PER_ADDRESS_MAX: String(perAddress),
  },
};

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ ...options, apis: 2 });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

interface Reader extends Person {
  readonly run: RunView;
}

/** Somebody who waits for an answer. */
async function newReader(on: Stack, name: string): Promise<Reader> {
  return withRun(on, await makePerson(on, name));
}

async function withRun(on: Stack, person: Person): Promise<Reader> {
  const base = firstUrl(on);
  const { id } = (await as<Conversation>(person, base, 'POST', '/api/conversations', {})).body;
  const text = question({ deltas: 1 });
  const { run } = (
    await as<AcceptedMessage>(person, base, 'POST', `/api/conversations/${id}/messages`, { text })
  ).body;
  return { ...person, run };
}

const read = (base: string, { headers, run }: Reader): Promise<EventStream> =>
  openEventStream(`${base}${run.eventsUrl}`, { headers });

const statuses = (streams: readonly EventStream[]) => streams.map(({ status }) => status);
const open = (streams: readonly EventStream[]) => streams.filter(({ status }) => status === 200);

/** Waits until a connection is accepted. */
async function comesIn(base: string, reader: Reader): Promise<EventStream> {
  let stream = await read(base, reader);
  await expect
    .poll(async () => {
      if (stream.status !== 200) stream = await read(base, reader);
      return stream.status;
    }, patience)
    .toBe(200);
  return stream;
}

it('one connection too many is refused on each process before it opens, until another one closes', async () => {
  const reader = await newReader(stack, 'Many tabs');
  const streams = [await read(bases[0], reader), await read(bases[1], reader), await read(bases[0], reader)];
  expect(statuses(streams)).toEqual([200, 200, 200]);
  for (const base of bases) {
    const refused = await read(base, reader);
    expect(refused.status).toBe(429);
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'too_many_connections' });
  }
  const other = await newReader(stack, 'Another');
  const others = await read(bases[0], other);
  expect(others.status).toBe(200);

  streams[1]?.cut();
  const next = await comesIn(bases[0], reader);
  expect((await read(bases[1], reader)).status).toBe(429);
  for (const stream of [...streams, next, others]) stream.cut();
});

it('of connections that come at the same time over both processes exactly as many open as may', async () => {
  const reader = await newReader(stack, 'All at once');
  const streams = await Promise.all(Array.from({ length: 12 }, (_, n) => read(bases[n % 2] ?? '', reader)));
  expect(open(streams)).toHaveLength(perUser);
  for (const stream of streams) stream.cut();
});

it('the connections to single runs and the one to everything count together', async () => {
  const reader = await newReader(stack, 'Both kinds');
  const everything = () => openEventStream(`${bases[1]}/api/events`, { headers: reader.headers });
  const streams = [await read(bases[0], reader), await everything(), await everything()];
  expect(statuses(streams)).toEqual([200, 200, 200]);
  expect((await everything()).status).toBe(429);
  for (const stream of streams) stream.cut();
});

it("a user's own limit takes the place of the setting", async () => {
  const reader = await newReader(stack, 'Limited');
  await stack.db.query(`update users set limits = '{"eventConnections": 1}' where id = $1`, [reader.id]);
  const streams = [await read(bases[0], reader), await read(bases[1], reader)];
  expect(statuses(streams)).toEqual([200, 429]);
  for (const stream of streams) stream.cut();
});

it('an answer that has ended takes no place', async () => {
  const reader = await newReader(stack, 'Patient');
  await as(reader, bases[0], 'POST', `/api/runs/${reader.run.id}/cancel`);
  for (let n = 0; n < 2 * perUser; n += 1) {
    const stream = await comesIn(bases[n % 2] ?? '', reader);
    const items = [];
    for await (const item of stream) items.push(item);
    expect(items.at(-1)).toMatchObject({ kind: 'event', event: 'cancelled' });
  }
});

it('the places of a process that was killed become free by themselves', async () => {
  const reader = await newReader(stack, 'Orphan');
  const mortal = await stack.startApi({ EVENT_CONNECTION_LIFE_MS: '1000' });
  const streams = await Promise.all(Array.from({ length: perUser - 1 }, () => read(mortal.url, reader)));
  const living = await read(bases[1], reader);
  expect(open([...streams, living])).toHaveLength(perUser);
  await mortal.kill();
  await Promise.all(streams.map((stream) => stream.ended));
  expect((await read(bases[0], reader)).status).toBe(429);
  (await comesIn(bases[0], reader)).cut();
  living.cut();
});

it('the connections of a user who logs out are broken on all processes', async () => {
  const { token, user } = (await accountsAt(bases[0]).guest()).body;
  const guest = await withRun(stack, { ...user, headers: bearer(token) });
  const streams = [await read(bases[0], guest), await read(bases[1], guest)];
  expect(statuses(streams)).toEqual([200, 200]);
  expect((await as(guest, bases[0], 'POST', '/api/auth/logout')).status).toBe(204);
  await Promise.all(streams.map((stream) => stream.ended));
  expect((await read(bases[1], guest)).status).toBe(401);
});

it('the connections of a user who is disabled are broken at once on all processes, and those of others are not', async () => {
  const reader = await newReader(stack, 'Expelled');
  const bystander = await newReader(stack, 'Bystander');
  const admin = await makePerson(stack, 'Administrator');
  await stack.db.query(`update users set role = 'admin' where id = $1`, [admin.id]);
  const streams = [await read(bases[0], reader), await read(bases[1], reader)];
  const bystanders = [await read(bases[0], bystander), await read(bases[1], bystander)];
  expect(statuses([...streams, ...bystanders])).toEqual([200, 200, 200, 200]);
  await as(admin, bases[0], 'PATCH', `/api/admin/users/${reader.id}`, { disabled: true });
  await Promise.all(streams.map((stream) => stream.ended));
  expect((await read(bases[1], reader)).status).toBe(403);
  for (const stream of bystanders) {
    expect(await Promise.race([stream.ended, Promise.resolve('open')])).toBe('open');
    stream.cut();
  }
});

it('readers of public links are limited by their address, and take no places of a user', async () => {
  const reader = await newReader(stack, 'Shares');
  const link = `/api/conversations/${reader.run.conversationId}/public-link`;
  const { token } = (await call<{ token: string }>(bases[0], 'PUT', link, undefined, reader.headers)).body;
  const readShared = (base: string) =>
    openEventStream(`${base}/api/shared/${token}/runs/${reader.run.id}/events`, { headers: reader.headers });
  const shared = [await readShared(bases[0]), await readShared(bases[1])];
  expect(statuses(shared)).toEqual([200, 200]);
  const refused = await readShared(bases[0]);
  expect([refused.status, JSON.parse(refused.body)]).toEqual([
    429,
    expect.objectContaining({ code: 'too_many_connections' }),
  ]);
  const own = await Promise.all(Array.from({ length: perUser }, () => read(bases[0], reader)));
  expect(open(own)).toHaveLength(perUser);
  for (const stream of [...shared, ...own]) stream.cut();
});

it('while Redis is away each process counts its own', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-connection-limits-'));
  const redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') });
  const own = await startStack({ ...options, redisUrl: redis.url });
  try {
    const reader = await newReader(own, 'Offline');
    await redis.stop();
    const streams = [];
    for (let n = 0; n < perUser + 1; n += 1) streams.push(await read(firstUrl(own), reader));
    expect(statuses(streams)).toEqual([200, 200, 200, 429]);
    streams[0]?.cut();
    for (const stream of [...streams, await comesIn(firstUrl(own), reader)]) stream.cut();
  } finally {
    await own.stop();
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
