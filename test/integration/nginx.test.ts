/** The configuration in deploy/nginx.conf, run by a real nginx in front of two API processes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, follow, getHistory, getRun, question } from '../support/ask.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import { hasNginx, type Nginx, startNginx } from '../support/nginx.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

if (!hasNginx) console.warn('nginx is not installed: what stands in deploy/nginx.conf is not tested here');

describe.skipIf(!hasNginx)('behind nginx', () => {
  let stack: Stack;
  let nginx: Nginx;
  beforeAll(async () => {
    stack = await startStack({ apis: 2, env: { TRUST_PROXY_HOPS: '1' } });
    nginx = await startNginx(stack.apis.map((api) => api.url));
  });
  afterAll(async () => {
    await nginx?.stop();
    await stack?.stop();
  });

  it('events arrive while the answer is being written, and are not held back until its end', async () => {
    // The model says three words and then falls silent: what a proxy collects would not come.
    const directive = { deltas: 9, fault: 'stall', atDelta: 3, seed: 5 } as const;
    const { run } = await ask(nginx.url, question(directive));
    const headers = { 'accept-encoding': 'gzip' };
    const stream = await openEventStream(`${nginx.url}${run.eventsUrl}`, { headers });
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-request-id': expect.any(String),
    });
    // Packed or counted, a stream would have been collected first.
    expect(stream.headers).not.toHaveProperty('content-encoding');
    expect(stream.headers).not.toHaveProperty('content-length');
    const expected = scriptedText(directive).slice(0, 3).join('');
    let text = '';
    for await (const item of stream) {
      if (item.kind === 'event' && item.event === 'delta') text += JSON.parse(item.data).text;
      if (text === expected) break;
    }
    expect(text).toBe(expected);
    expect((await getRun(nginx.url, run.id)).status).toBe('running');
    stream.cut();
    expect((await call(nginx.url, 'POST', `/api/runs/${run.id}/cancel`)).status).toBe(202);
  });

  it('a reader that is cut at random bytes resumes on whichever process it comes to', async () => {
    const directive = { deltas: 120, intervalMs: 10, seed: 11 };
    const { run } = await ask(nginx.url, question(directive));
    const cuts = randomBytes({ seed: 4, min: 100, max: 1_500 });
    const record = await follow([nginx.url], run, {
      cutAfter: (connection) => (connection < 12 ? cuts(connection) : null),
      confirmEnd: true,
    });
    expect(record.violations).toEqual([]);
    expect(record.text).toBe(scriptedText(directive).join(''));
    expect(record.connections.length).toBeGreaterThan(3);
    await expect
      .poll(() => nginx.servedBy(run.eventsUrl), { timeout: 10_000 })
      .toEqual(stack.apis.map((api) => api.url));
  });

  it('a message a little larger than the API takes is refused by the API, in its own words', async () => {
    // Often: whether the answer or the end of the connection comes first is a race, which the answer has to win.
    for (let sent = 0; sent < 20; sent += 1) {
      const { status, body } = await call(nginx.url, 'POST', '/api/conversations', {
        title: 'x'.repeat(530_000),
      });
      expect({ status, body }).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    }
  });

  it('when an API process dies in the middle of an answer its readers come back to the other one', async () => {
    const directive = { deltas: 150, intervalMs: 20, seed: 12 };
    const { run } = await ask(nginx.url, question(directive));
    const reading = new Set<number>();
    const readers = Array.from({ length: 6 }, (_, reader) =>
      follow([nginx.url], run, { confirmEnd: true, onEvent: () => void reading.add(reader) }),
    );
    // All of them read, and by `least_conn` not all from the same process.
    await expect.poll(() => reading.size, { timeout: 20_000 }).toBe(6);
    await stack.apis[0]?.kill();
    const records = await Promise.all(readers);
    // One connection for the events and one for the 204; those whose process died needed more.
    expect(records.some((record) => record.connections.length > 2)).toBe(true);
    for (const record of records) {
      expect(record.violations).toEqual([]);
      expect(record.text).toBe(scriptedText(directive).join(''));
    }
    const { messages } = await getHistory(nginx.url, run.conversationId);
    expect(messages.at(-1)?.text).toBe(scriptedText(directive).join(''));
  });
});
