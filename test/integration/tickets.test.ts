/** Tickets: addresses that open the event stream of one run, and nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { formatTicket } from '@holdfast/shared/ticket.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { accountsAt, bearer } from '../support/accounts.ts';
import { ask, call } from '../support/ask.ts';
import { openBrowserAt } from '../support/browser-cookies.ts';
import { storedEnd, twoUrls } from '../support/inspect.ts';
import { nobody } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

interface Ticket {
  readonly ticket: string;
  readonly eventsUrl: string;
  readonly expiresAt: string;
  readonly code?: string;
}

let stack: Stack;
let base: string;
let other: string;
let run: RunView;
let ticket: Ticket;
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  [base, other] = twoUrls(stack);
  ({ run } = await ask(base, 'Hello'));
  await storedEnd(stack, run.id);
  ticket = (await makeTicket(run.id)).body;
});
afterAll(() => stack.stop());

const makeTicket = (runId: string, headers: Record<string, string> = {}) =>
  call<Ticket>(base, 'POST', `/api/runs/${runId}/tickets`, undefined, headers);

async function read(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const text = await response.text();
  const code = response.headers.get('content-type')?.includes('problem') ? JSON.parse(text).code : null;
  return { status: response.status, text, code };
}
const eventsUrl = (runId: string, value: string) =>
  `${base}/api/runs/${runId}/events?ticket=${encodeURIComponent(value)}`;

describe('a ticket', () => {
  it('follows its run on every API process, any number of times and from any cursor', async () => {
    expect(ticket.ticket).toMatch(/^hft_[\w-]{72}$/);
    expect(ticket.eventsUrl).toBe(`/api/runs/${run.id}/events?ticket=${ticket.ticket}`);
    expect((Date.parse(ticket.expiresAt) - Date.now()) / 60_000).toBeCloseTo(10, 0);
    const whole = await read(`${base}${run.eventsUrl}`, testUser.headers);
    const ids = [...whole.text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id);
    const eventsOf = (text: string) => text.slice(text.indexOf('id: '));
    for (const api of [base, other, base]) {
      const { status, text } = await read(`${api}${ticket.eventsUrl}`);
      expect([status, eventsOf(text)]).toEqual([200, eventsOf(whole.text)]);
    }
    const rest = await read(`${base}${ticket.eventsUrl}&cursor=${ids[1]}`);
    expect([...rest.text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id)).toEqual(ids.slice(2));
    expect((await read(`${base}${ticket.eventsUrl}`, { 'last-event-id': String(ids.at(-1)) })).status).toBe(
      204,
    );
  });

  it('opens no other run, also of the same user', async () => {
    const { run: second } = await ask(base, 'Hello again');
    expect(await read(eventsUrl(second.id, ticket.ticket))).toMatchObject({
      status: 401,
      code: 'unauthenticated',
    });
  });

  it('opens nothing but the event stream', async () => {
    const query = `?ticket=${ticket.ticket}`;
    for (const [method, path] of [
      ['GET', `/api/runs/${run.id}`],
      ['POST', `/api/runs/${run.id}/cancel`],
      ['POST', `/api/runs/${run.id}/tickets`],
      ['GET', `/api/conversations/${run.conversationId}/messages`],
      ['GET', '/api/me'],
      ['GET', '/api/events'],
    ] as const) {
      const reply = await call<{ code: string }>(base, method, `${path}${query}`, undefined, nobody);
      expect([reply.status, reply.body.code], `${method} ${path}`).toEqual([401, 'unauthenticated']);
    }
  });

  it.each([
    ['an empty one', () => ''],
    ['an API key', () => testUser.apiKey],
    ['nonsense', () => 'hft_nonsense'],
    [
      'one of another secret',
      () => formatTicket(Buffer.alloc(32, 1), testUser.id, run.id, Date.now() + 60_000),
    ],
    ['two of them', () => `${ticket.ticket}&ticket=${ticket.ticket}`],
  ])('is not %s', async (_, value) => {
    const url = `${base}/api/runs/${run.id}/events?ticket=${value()}`;
    expect(await read(url)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('has expired when its time is over, and no cookie makes up for it', async () => {
    const { rows } = await stack.db.query("select value from secrets where name = 'tickets'");
    const made = (expiresAt: number) => formatTicket(rows[0].value, testUser.id, run.id, expiresAt);
    expect((await read(eventsUrl(run.id, made(Date.now() + 60_000)))).status).toBe(200);
    const expired = eventsUrl(run.id, made(Date.now() - 1));
    expect(await read(expired)).toMatchObject({ status: 401, code: 'unauthenticated' });
    const browser = openBrowserAt(base);
    await browser.send('POST', '/api/auth/guest');
    const cookie = `holdfast_session=${browser.session}`;
    expect((await read(expired, { cookie })).status).toBe(401);
    // Sent on purpose, and enough.
    expect((await read(expired, testUser.headers)).status).toBe(200);
  });

  it('is made only for those who may read the run', async () => {
    const { token } = (await accountsAt(base).guest()).body;
    const refused = await makeTicket(run.id, bearer(token));
    expect([refused.status, refused.body.code]).toEqual([404, 'run_not_found']);
    expect((await makeTicket(run.id, nobody)).status).toBe(401);
  });

  it('holds no longer when its user is no member any more, is disabled, or is gone', async () => {
    const { user, token } = (await accountsAt(base).guest()).body;
    const member = [run.conversationId, user.id];
    await stack.db.query(
      "insert into members (conversation_id, user_id, role) values ($1, $2, 'reader')",
      member,
    );
    const theirs = `${base}${(await makeTicket(run.id, bearer(token))).body.eventsUrl}`;
    expect((await read(theirs)).status).toBe(200);

    await stack.db.query('update users set disabled_at = now() where id = $1', [user.id]);
    expect(await read(theirs)).toMatchObject({ status: 403, code: 'account_disabled' });
    await stack.db.query('update users set disabled_at = null where id = $1', [user.id]);
    await stack.db.query('delete from members where conversation_id = $1 and user_id = $2', member);
    expect(await read(theirs)).toMatchObject({ status: 404, code: 'run_not_found' });
    await stack.db.query('delete from users where id = $1', [user.id]);
    expect(await read(theirs)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });
});

it('no log has a ticket, a token or a password in it', async () => {
  const secret = 'a canary of a password';
  const { register, logIn, apiKey } = accountsAt(base);
  const opened = (await register({ password: secret, email: 'canary@example.com' })).body;
  const key = await apiKey(opened.token);
  await logIn('canary@example.com', `${secret} that is wrong`);
  for (const path of [
    ticket.eventsUrl,
    `/api/nowhere?ticket=${ticket.ticket}`,
    `/api/runs/%zz?ticket=${ticket.ticket}`,
  ]) {
    await read(`${base}${path}`, { authorization: `Bearer ${key}x` });
    await read(`${base}${path}`);
  }
  await read(`${base}/api/me`, { cookie: `holdfast_session=${opened.token}` });
  const logDir = inject('logDir');
  const logs = readdirSync(logDir, 'utf8')
    .filter((file) => file.startsWith(stack.redisPrefix.replaceAll('-', '_')))
    .map((file) => readFileSync(join(logDir, file), 'utf8'))
    .join('\n');
  expect(logs).toContain('/api/runs/:id/events');
  for (const canary of [ticket.ticket, opened.token, key, secret, 'canary@example.com', testUser.apiKey]) {
    expect(logs).not.toContain(canary);
  }
});
