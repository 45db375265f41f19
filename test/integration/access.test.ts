/**
 * Who may do what: every route of the application, asked by everybody who could ask. Whatever is not for them exists no
 * more than what does not exist, and is left as it was.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { v7Id } from '@holdfast/shared/id.ts';
import { createPasswords } from '@holdfast/shared/password.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasBody, linesWithRequest, password, type Target, target } from '../support/access/requests.ts';
import {
  type Asker,
  askers,
  makeScene,
  type Scene,
  type SceneMaker,
  stateOf,
} from '../support/access/scene.ts';
import { type Answer, problemOf, sendTo } from '../support/access/send.ts';
import { accessTable, publicRoutes, type Row } from '../support/access/table.ts';
import { firstUrl } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

const pageOrigin = 'https://page.example';

let stack: Stack;
let base: string;
let maker: SceneMaker;
let routes: readonly string[];

beforeAll(async () => {
  // Without a worker: runs stay as the scene has them.
  stack = await startStack({ workers: 0, env: { CORS_ORIGINS: pageOrigin } });
  base = firstUrl(stack);
  const { rows } = await stack.db.query<{ value: Buffer }>(
    `select value from secrets where name = 'tickets'`,
  );
  maker = {
    db: stack.db,
    ticketSecret: rows[0]?.value ?? Buffer.alloc(0),
    passwordHash: await createPasswords().hash(password),
  };
  routes = await readRoutes();
});
afterAll(() => stack.stop());

/** Every route of an API process that has all its plugins, as it told Fastify. */
async function readRoutes(): Promise<string[]> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-routes-'));
  const to = join(dir, 'routes.json');
  const preload = pathToFileURL(join(import.meta.dirname, '../support/access/report-routes.ts'));
  preload.searchParams.set('to', to);
  try {
    const api = await stack.startApi({ NODE_OPTIONS: `--import=${preload.href}` });
    await api.stop();
    return JSON.parse(readFileSync(to, 'utf8')) as string[];
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const send = (request: Target): Promise<Answer> => sendTo(base, request);

const rows = accessTable.map((row) => [row.name, row] as const);
const changes = (row: Row) => !row.route.startsWith('GET ');

describe('the table', () => {
  it('has a line for every route of the application, and no other', () => {
    const inTable = new Set(accessTable.map((row) => row.route));
    const unknown = routes.filter((route) => {
      // HEAD is served by the handler of GET; it is asked with it.
      const [method = '', path = ''] = route.replace(/^HEAD /, 'GET ').split(' ');
      return !inTable.has(`${method} ${path}`) && !publicRoutes.some((pattern) => pattern.test(route));
    });
    expect(unknown, 'routes without a line').toEqual([]);
    expect(
      [...inTable].filter((route) => !routes.includes(route)),
      'lines without a route',
    ).toEqual([]);
    expect(routes).toContain('OPTIONS *');
  });

  it('has each line once, and each of them is what is said to be sent', () => {
    const names = accessTable.map((row) => row.name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(linesWithRequest.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('lets nothing below /api be public but what is in it', () => {
    const api = routes.filter((route) => /^\S+ \/+api\b/i.test(route));
    expect(api.length).toBeGreaterThan(40);
    expect(api.filter((route) => publicRoutes.some((pattern) => pattern.test(route)))).toEqual([]);
  });
});

describe.each(rows)('%s', (_, row) => {
  it('serves those whom it is for, and leaves everything as it was for the others', async () => {
    const method = row.route.split(' ')[0] ?? '';
    const hasHead = method === 'GET' && routes.includes(row.route.replace('GET', 'HEAD'));
    const methods = hasHead ? ['GET', 'HEAD'] : [method];
    // What only looks may look at the same scene.
    const shared = changes(row) ? null : await makeScene(maker);
    for (const each of methods) {
      const answered: [Asker, number][] = [];
      for (const asker of askers) {
        const scene = shared ?? (await makeScene(maker));
        const before = changes(row) ? await stateOf(stack.db, scene) : '';
        const answer = await send({ ...target(row, scene, asker), method: each });
        answered.push([asker, answer.status]);
        if (answer.status < 400) continue;
        if (each === 'HEAD') expect(answer.body).toBe('');
        else expectRefusal(answer, asker);
        if (changes(row)) expect(await stateOf(stack.db, scene), asker).toBe(before);
      }
      expect({ method: each, ...Object.fromEntries(answered) }).toEqual({ method: each, ...row.expected });
    }
  });

  function expectRefusal(answer: Answer, asker: Asker): void {
    expect(answer.type).toMatch(/^application\/problem\+json/);
    const { code } = problemOf(answer);
    if (answer.status === 403) {
      const isDisabled = asker === 'disabled' || row.name.includes('disabled');
      expect([asker, code]).toEqual([asker, isDisabled ? 'account_disabled' : 'forbidden']);
    }
    // A path that is misspelt in the table would be a 404 for everybody.
    if (answer.status === 404) expect(code).not.toBe('route_not_found');
  }

  it('says the same of what is not theirs as of what does not exist', async () => {
    const scene = await makeScene(maker);
    const outsiders = askers.filter((asker) => row.expected[asker] === 404 || row.expected[asker] === 401);
    for (const asker of outsiders) {
      const names = [...row.route.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '');
      const real = await send(target(row, scene, asker));
      for (const [what, value] of strangeValues(names)) {
        const strange = await send(target(row, scene, asker, value));
        // A credential that does not hold at a route for anyone, or behind a link, is not about what is asked for.
        expect([asker, what, problemOf(strange)]).toEqual([asker, what, problemOf(real)]);
        expect([asker, what, strange.fields]).toEqual([asker, what, real.fields]);
      }
    }
  });

  it('is refused before what is sent is looked at', async () => {
    if (!hasBody(row)) return;
    const scene = await makeScene(maker);
    for (const asker of ['nobody', 'stranger', 'disabled', 'revokedKey'] as const) {
      const status = row.expected[asker];
      if (status < 400 || (servesAnyone(row) && asker !== 'revokedKey')) continue;
      const headers = { ...target(row, scene, asker).headers, 'content-type': 'application/json' };
      for (const body of ['{', '[]', '{"nonsense":1}']) {
        const answer = await send({ ...target(row, scene, asker), headers, body });
        expect([asker, body, answer.status]).toEqual([asker, body, status]);
      }
    }
  });
});

/** Where the body itself says who asks, and so has to be looked at first. */
const servesAnyone = ({ route }: Row) => /^POST \/api\/auth\/(login|register)$/.test(route);

/** Ids that nobody has: well-formed, and not. */
function strangeValues(names: readonly string[]): [string, Record<string, string>][] {
  if (names.length === 0) return [];
  const all = (value: () => string) => Object.fromEntries(names.map((each) => [each, value()]));
  return [
    ['unknown', all(v7Id)],
    ['no id', all(() => 'nonsense')],
    ['empty', all(() => '%20')],
    ['long', all(() => 'x'.repeat(90))],
  ];
}

describe('what belongs to another conversation', () => {
  /** Paths with a second id, which is that of another conversation of the same owner. */
  const nested = accessTable.filter(({ route }) => /^\S+ \/api\/conversations\/:id\/\w+\/:/.test(route));

  it.each(nested.map((row) => [row.route, row] as const))('is not found by %s', async (_, row) => {
    const [scene, other] = [await makeScene(maker), await makeScene(maker)];
    const foreign = { userId: other.userIds.reader, invitationId: other.invitationId };
    const unknown = { userId: v7Id(), invitationId: v7Id() };
    const answers = await Promise.all(
      [foreign, unknown].map(async (ids) => problemOf(await send(target(row, scene, 'owner', ids)))),
    );
    expect(answers[0]).toMatchObject({ httpStatus: 404 });
    expect(answers[0]).toEqual(answers[1]);
    const state = await stateOf(stack.db, other);
    expect(state).toContain(other.invitationId);
  });

  it('is not found behind a public link', async () => {
    const [scene, other]: [Scene, Scene] = [await makeScene(maker), await makeScene(maker)];
    const row = accessTable.find(({ route }) => route === 'GET /api/shared/:token/runs/:runId/events');
    if (!row) throw new Error('the table has no such line');
    const ask = async (runId: string) =>
      problemOf(await send(target(row, scene, 'nobody', { token: scene.linkToken, runId })));
    expect(await ask(other.runId)).toMatchObject({ httpStatus: 404 });
    expect(await ask(other.runId)).toEqual(await ask(v7Id()));
  });
});

it('a preflight lets pages of a known origin ask by every method that there is, and says nothing of what there is', async () => {
  const scene = await makeScene(maker);
  for (const [route, row] of rows) {
    const { method, path } = target(row, scene, 'nobody');
    const elsewhere = target(row, scene, 'nobody', { id: v7Id(), token: 'nonsense' }).path;
    for (const origin of [pageOrigin, 'https://foreign.example']) {
      const answers = await Promise.all(
        [path, elsewhere].map(async (each) => {
          const { status, headers } = await fetch(`${base}${each}`, {
            method: 'OPTIONS',
            headers: { origin, 'access-control-request-method': method },
          });
          const allowed = headers.get('access-control-allow-origin') === origin;
          const methods = headers.get('access-control-allow-methods') ?? '';
          return { status, allowed: allowed && methods.split(/, */).includes(method) };
        }),
      );
      const expected = { status: 204, allowed: origin === pageOrigin };
      expect([route, origin, ...answers]).toEqual([route, origin, expected, expected]);
    }
  }
});
