/** The built page as an API process serves it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { firstUrl } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

const get = (path: string, encoding: string) =>
  fetch(`${base}${path}`, { headers: { 'accept-encoding': encoding } });

/** The script with which everything begins. */
async function entry(): Promise<string> {
  const html = await (await get('/', 'identity')).text();
  return /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1] ?? '';
}

it('sends scripts compressed to whoever takes that, the same bytes to everybody, and they are kept for ever', async () => {
  const path = await entry();
  const plain = await get(path, 'identity');
  const text = await plain.text();
  expect(plain.headers.get('content-encoding')).toBeNull();
  for (const encoding of ['br', 'gzip']) {
    const reply = await get(path, `deflate;q=0.1, ${encoding}`);
    expect(reply.headers.get('content-encoding')).toBe(encoding);
    expect(reply.headers.get('content-type')).toBe(plain.headers.get('content-type'));
    expect(reply.headers.get('vary')?.toLowerCase()).toContain('accept-encoding');
    expect(reply.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(Number(reply.headers.get('content-length'))).toBeLessThan(text.length / 3);
    expect((await reply.text()) === text).toBe(true);
  }
});

it('asks browsers to look for a newer page each time, and has no address for what is none', async () => {
  for (const path of ['/', '/index.html', '/theme.js']) {
    expect((await get(path, 'gzip')).headers.get('cache-control')).toBe('no-cache');
  }
  const path = await entry();
  for (const wrong of [
    `${path}.br`,
    `${path}.gz`,
    '/.inputs',
    '/assets/',
    '/assets/nothing.js',
    '/..%2fpackage.json',
  ]) {
    const reply = await get(wrong, 'gzip');
    expect([reply.status, reply.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
  }
});

it('weighs no more than it may', async () => {
  const check = fileURLToPath(new URL('../../apps/web/check-size.ts', import.meta.url));
  expect((await promisify(execFile)(process.execPath, [check])).stdout).toMatch(/^scripts .* kB of 350 kB/m);
});
