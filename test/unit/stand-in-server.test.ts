import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { createPacer } from '@holdfast/stand-in/pacer.ts';
import { writeDirective } from '@holdfast/stand-in/script.ts';
import { type JournalEntry, type StandIn, startStandIn } from '@holdfast/stand-in/stand-in.ts';
// oxlint-disable-next-line no-restricted-imports -- as in stand-in.test.ts
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

let standIn: StandIn;

beforeAll(async () => {
  standIn = await startStandIn();
});
afterAll(() => standIn.stop());

describe('the server', () => {
  const origin = () => new URL(standIn.url).origin;

  const post = (body: string) => fetch(`${standIn.url}/chat/completions`, { method: 'POST', body });
  const question = (content: string) =>
    JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content }] });

  it('names its model, refuses what is no request', async () => {
    const openai = new OpenAI({ baseURL: standIn.url, apiKey: 'k' });
    expect((await openai.models.list()).data[0]?.id).toBe('stand-in');
    for (const body of [
      '{',
      '[]',
      '{"model":"m"}',
      '{"model":"m","messages":[]}',
      '{"model":"m","messages":[1]}',
    ]) {
      expect((await post(body)).status).toBe(400);
    }
    expect((await fetch(`${origin()}/v1/nothing`)).status).toBe(404);
  });

  it('shows its journal to other processes, by key, and clears it', async () => {
    await (await post(question(writeDirective({ deltas: 1, key: 'by http' })))).text();
    const entries = async (query: string) => {
      const body = (await (await fetch(`${origin()}/journal${query}`)).json()) as { entries: JournalEntry[] };
      return body.entries;
    };
    await vi.waitFor(async () => {
      expect(await entries('?key=by%20http')).toMatchObject([
        { key: 'by http', deltasSent: 1, outcome: 'finished' },
      ]);
    });
    expect(await entries('?key=another')).toEqual([]);
    await fetch(`${origin()}/journal/clear`, { method: 'POST' });
    expect(await entries('')).toEqual([]);
  });

  it('stops in the middle of answers', async () => {
    const other = await startStandIn();
    const client = new OpenAI({ baseURL: other.url, apiKey: 'k', maxRetries: 0 });
    const content = writeDirective({ fault: 'stall', atDelta: 1 });
    const chunks = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content }],
      stream: true,
    });
    await other.stop();
    await expect(Array.fromAsync(chunks)).rejects.toThrow('terminated');
  });

  it('sees the reader of a demo answer go away', async () => {
    const response = await post(question('Hello, please take your time'));
    await response.body?.cancel();
    await vi.waitFor(() => expect(standIn.journal().at(-1)?.outcome).toBe('client-closed'));
  });

  it('waits for nothing once the reader is gone', async () => {
    const response = new PassThrough() as unknown as ServerResponse;
    const waiting = createPacer(response).wait(3_600_000);
    response.destroy();
    expect(await waiting).toBe(false);
    expect(await createPacer(response).wait(3_600_000)).toBe(false);
  });

  it('refuses a port that is taken', async () => {
    await expect(startStandIn({ port: Number(new URL(standIn.url).port) })).rejects.toThrow('EADDRINUSE');
  });

  it.each(['disconnect', 'SIGTERM'] as const)('runs as a process, ends on %s', async (how) => {
    const main = new URL('../../packages/stand-in/src/main.ts', import.meta.url);
    const child = fork(main, { stdio: 'pipe' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [message] = (await once(child, 'message')) as [{ type: string; url: string }];
    expect(message).toMatchObject({
      type: 'ready',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1$/),
    });
    expect((await fetch(`${message.url}/models`)).status).toBe(200);
    const exit = once(child, 'exit');
    if (how === 'disconnect') child.disconnect();
    else child.kill(how);
    expect(await exit).toEqual([0, null]);
  });
});
