/** Malformed requests over every route that the API's own document names, repeatable by their seed. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountsAt } from '../support/accounts.ts';
import { ask, call, question } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { makePerson } from '../support/people.ts';
import { exchange } from '../support/raw-http.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { nextMalformed, type Surroundings } from './fuzz/malformed.ts';
import { createRandom } from './fuzz/random.ts';
import { readRoutes } from './fuzz/routes.ts';
import { expectUnharmed, faultOf } from './innocent.ts';
import { sizes } from './sizes.ts';

/** More at a time than the process has threads, few enough for a small machine. */
const atOnce = 32;
/**
 * Requests after which the process has compiled its code and filled its pools, which takes 200 MiB: what grows from then on
 * is a leak. Shorter runs can only say that it is no more than that.
 */
const warmUpRequests = 20_000;
const growthBytesMax = 50 * 1024 * 1024;
const residentBytesMax = 600 * 1024 * 1024;

let stack: Stack;
let surroundings: Surroundings;

beforeAll(async () => {
  // Nobody answers: what is accepted by accident costs nothing more.
  stack = await startStack({ workers: 0 });
  const base = firstUrl(stack);
  const { message, run } = await ask(base, question({ deltas: 1 }));
  const somebody = await makePerson(stack, 'Somebody');
  const admin = await makePerson(stack, 'Administrator');
  await stack.db.query(`update users set role = 'admin' where id = $1`, [admin.id]);
  const { token } = (await accountsAt(base).register()).body;
  const at = `/api/conversations/${message.conversationId}`;
  const invitation = await call<{ token: string; invitation: { id: string } }>(
    base,
    'POST',
    `${at}/invitations`,
    {
      role: 'reader',
    },
  );
  const link = await call<{ token: string }>(base, 'PUT', `${at}/public-link`);
  surroundings = {
    base,
    routes: await readRoutes(base),
    ids: {
      'conversations.id': message.conversationId,
      'messages.id': message.id,
      'runs.id': run.id,
      'users.id': somebody.id,
      'admin.id': somebody.id,
      userId: somebody.id,
      runId: run.id,
      invitationId: invitation.body.invitation.id,
      'invitations.token': invitation.body.token,
      'shared.token': link.body.token,
    },
    credentials: [testUser.headers.authorization, admin.headers.authorization, `Bearer ${token}`],
  };
});
afterAll(() => stack.stop());

it(`${sizes.fuzzRequests} malformed requests: each answered, none by a 5xx, and the process is what it was`, async ({
  annotate,
}) => {
  const { fuzzRequests, fuzzSeed } = sizes;
  const pid = stack.apis[0]?.pid ?? 0;
  const random = createRandom(fuzzSeed);
  const statuses = new Map<number, number>();
  let firstBad: string | null = null;
  let sent = 0;
  let warmBytes = 0;

  async function send(): Promise<void> {
    while (sent < fuzzRequests && firstBad === null) {
      const number = sent++;
      if (number === warmUpRequests) warmBytes = residentBytes(pid);
      const { kind, bytes, half } = nextMalformed(random, surroundings);
      const head = bytes.subarray(0, 5).toString('latin1').startsWith('HEAD ');
      // An event stream has no end; that it has begun is its answer. A HEAD is answered by a head.
      const reply = await exchange(surroundings.base, bytes, { half, until: head ? '' : 'retry:' }).catch(
        (error: unknown) => String(error),
      );
      const fault =
        typeof reply === 'string'
          ? reply
          : reply === null
            ? half
              ? null
              : 'no answer'
            : faultOf(reply, head);
      if (typeof reply === 'object' && reply)
        statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
      if (fault === null) continue;
      const answer = typeof reply === 'object' ? `${reply?.status} ${reply?.body.slice(0, 500)}` : '';
      firstBad ??= `FUZZ_SEED=${fuzzSeed}, request ${number} (${kind}): ${fault}\n${answer}\n${bytes.subarray(0, 1_500).toString('latin1')}`;
    }
  }
  const began = performance.now();
  await Promise.all(Array.from({ length: atOnce }, send));
  const seconds = (performance.now() - began) / 1_000;
  const residentNow = residentBytes(pid);
  const growth = warmBytes === 0 ? null : residentNow - warmBytes;
  const figures = {
    seed: fuzzSeed,
    requests: sent,
    routes: surroundings.routes.length,
    seconds: Math.round(seconds),
    statuses: Object.fromEntries([...statuses].sort(([a], [b]) => a - b)),
    residentMiB: Math.round(residentNow / 2 ** 20),
    grownMiB: growth === null ? null : Math.round(growth / 2 ** 20),
  };
  await annotate(JSON.stringify(figures));
  process.stderr.write(`fuzz ${JSON.stringify(figures)}\n`);
  expect(firstBad).toBeNull();
  expect(residentNow).toBeLessThan(residentBytesMax);
  if (growth !== null) expect(growth).toBeLessThan(growthBytesMax);
  await expectUnharmed(stack);
});
