import { createSurrogateJoiner } from '@holdfast/stand-in/demo.ts';
import { demoAnswers } from '@holdfast/stand-in/demo-answers.ts';
import { errorCanary } from '@holdfast/stand-in/provider-error.ts';
import { type Directive, scriptedText, writeDirective } from '@holdfast/stand-in/script.ts';
import { type JournalEntry, type StandIn, startStandIn } from '@holdfast/stand-in/stand-in.ts';
// oxlint-disable-next-line no-restricted-imports -- the stand-in is right when the real SDK takes it for the provider
import OpenAI, { APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

let standIn: StandIn;
let openai: OpenAI;

beforeAll(async () => {
  standIn = await startStandIn({ pace: { tokensPerSecond: Infinity, firstTokenMs: 0, jitter: 0 } });
  openai = new OpenAI({ baseURL: standIn.url, apiKey: 'test-key', maxRetries: 0 });
});
afterAll(() => standIn.stop());

function ask(content: string, signal?: AbortSignal) {
  return openai.chat.completions.create(
    {
      model: 'any',
      messages: [{ role: 'user', content }],
      stream: true,
      stream_options: { include_usage: true },
    },
    { signal },
  );
}

interface Answer {
  deltas: string[];
  finish: string | null;
  usage: unknown;
  lastChoices: unknown[];
  error: unknown;
}

/** Reads an answer to its end, good or bad. */
async function read(content: string): Promise<Answer> {
  const answer: Answer = { deltas: [], finish: null, usage: null, lastChoices: [], error: null };
  try {
    for await (const chunk of await ask(content)) {
      const choice = chunk.choices[0];
      if (choice?.delta.content) answer.deltas.push(choice.delta.content);
      answer.finish ??= choice?.finish_reason ?? null;
      answer.usage ??= chunk.usage ?? null;
      answer.lastChoices = chunk.choices;
    }
  } catch (error) {
    answer.error = error;
  }
  return answer;
}

const play = (directive: Directive): Promise<Answer> => read(writeDirective(directive));

/** The journal's entry, once its request has ended: the server may learn of the last byte after the client did. */
const endedEntry = (key: string) =>
  vi.waitFor(() => {
    const entry = entryOf(key);
    expect(entry?.outcome).not.toBe('streaming');
    return entry;
  });

const entryOf = (key: string): JournalEntry | undefined =>
  standIn.journal().find((entry) => entry.key === key);

describe('a scripted answer', () => {
  it('reaches the OpenAI SDK delta by delta, usage last', async () => {
    const directive: Directive = { deltas: 30, seed: 7, intervalMs: 1, key: 'plain' };
    const answer = await play(directive);
    expect(answer.deltas).toEqual(scriptedText(directive));
    expect(answer).toMatchObject({ finish: 'stop', lastChoices: [], error: null });
    expect(answer.usage).toMatchObject({ completion_tokens: 30 });
    expect(await endedEntry('plain')).toMatchObject({
      model: 'any',
      headers: { authorization: true, organization: null },
      status: 200,
      deltasSent: 30,
      outcome: 'finished',
    });
  });

  it('delivers each delta before the next exists, and sees a reader who goes away', async () => {
    const directive: Directive = { deltas: 9, fault: 'stall', atDelta: 4, key: 'stalled' };
    const abort = new AbortController();
    const chunks = (await ask(writeDirective(directive), abort.signal))[Symbol.asyncIterator]();
    await chunks.next(); // the role
    for (const piece of scriptedText(directive).slice(0, 4)) {
      expect((await chunks.next()).value?.choices[0]?.delta.content).toBe(piece);
    }
    expect(entryOf('stalled')).toMatchObject({
      deltasSent: 4,
      fault: 'stall',
      outcome: 'fault',
      closedAtMs: null,
    });
    abort.abort();
    await vi.waitFor(() =>
      expect(entryOf('stalled')).toMatchObject({ outcome: 'client-closed', deltasSent: 4 }),
    );
    expect(entryOf('stalled')?.closedAtMs).toBeTypeOf('number');
  });

  it('that is left in the middle is client-closed and sends no more', async () => {
    const abort = new AbortController();
    const chunks = await ask(writeDirective({ deltas: 100_000, intervalMs: 5, key: 'left' }), abort.signal);
    for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break;
    abort.abort();
    await vi.waitFor(() => expect(entryOf('left')?.outcome).toBe('client-closed'));
  });

  it('can be left before its first byte', async () => {
    const abort = new AbortController();
    const asked = ask(writeDirective({ firstDelayMs: 3_600_000, key: 'waiting' }), abort.signal);
    await vi.waitFor(() => expect(entryOf('waiting')?.outcome).toBe('streaming'));
    abort.abort();
    await expect(asked).rejects.toThrow();
    await vi.waitFor(() =>
      expect(entryOf('waiting')).toMatchObject({ outcome: 'client-closed', status: null }),
    );
  });

  it('keeps every byte: 1 MB, NUL, halves of characters', async () => {
    for (const directive of [{ bytes: 1_000_000 }, { nul: true }, { splitSurrogates: true, deltas: 100 }]) {
      expect((await play(directive)).deltas).toEqual(scriptedText(directive));
    }
  });

  it('writes half a character as a JSON escape', async () => {
    const content = writeDirective({ splitSurrogates: true });
    const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content }] });
    const response = await fetch(`${standIn.url}/chat/completions`, { method: 'POST', body });
    expect(await response.text()).toMatch(/"content":"[^"]*\\ud83d"/);
  });

  it('echoes the request', async () => {
    const { deltas } = await play({ echo: true, key: 'echo' });
    expect(JSON.parse(deltas.join(''))).toEqual(entryOf('echo')?.body);
  });

  it('comes whole when it is not to be streamed', async () => {
    const directive: Directive = { deltas: 5, fault: 'length' };
    const messages = [{ role: 'user' as const, content: writeDirective(directive) }];
    const { choices, usage } = await openai.chat.completions.create({ model: 'any', messages });
    expect(choices[0]).toMatchObject({
      finish_reason: 'length',
      message: { content: scriptedText(directive).join('') },
    });
    expect(usage?.total_tokens).toBeGreaterThan(0);
  });
});

describe('a fault', () => {
  it.each([
    ['cut', { finish: null, error: { message: 'terminated' } }],
    ['errorFrame', { finish: null, error: expect.any(APIError) }],
    ['noFinish', { finish: null, usage: null, error: null }],
    ['badJson', { finish: null, error: expect.any(SyntaxError) }],
    ['length', { finish: 'length', error: null }],
    ['contentFilter', { finish: 'content_filter', error: null }],
  ] as const)('%s comes after the deltas before it', async (fault, expected) => {
    const directive: Directive = { deltas: 10, fault, atDelta: 6, intervalMs: 1, key: fault };
    const answer = await play(directive);
    expect(answer.deltas).toEqual(scriptedText(directive).slice(0, 6));
    expect(answer).toMatchObject(expected);
    const outcome = expected.finish ? 'finished' : 'fault';
    expect(await endedEntry(fault)).toMatchObject({ fault, deltasSent: 6, outcome });
  });

  it('hugeLine is one valid delta of that size; the answer goes on', async () => {
    const directive: Directive = { deltas: 4, fault: 'hugeLine', atDelta: 1, megabytes: 3 };
    const { deltas, finish } = await play(directive);
    const [first, ...rest] = scriptedText(directive);
    expect(deltas).toEqual([first, 'x'.repeat(3 * 1024 * 1024), ...rest]);
    expect(finish).toBe('stop');
  });

  it('noUsage leaves the usage out', async () => {
    expect(await play({ noUsage: true })).toMatchObject({ finish: 'stop', usage: null });
  });

  it.each([
    [400, undefined, 'context_length_exceeded'],
    [400, 'content_policy_violation', 'content_policy_violation'],
    [401, undefined, 'invalid_api_key'],
    [403, undefined, 'unsupported_country_region_territory'],
    [404, undefined, 'model_not_found'],
    [429, undefined, 'rate_limit_exceeded'],
    [429, 'insufficient_quota', 'insufficient_quota'],
    [500, undefined, null],
    [502, undefined, undefined],
    [503, undefined, null],
  ])('status %i %s is the error that the SDK knows', async (status, code, expected) => {
    const { error } = await play({ status, retryAfter: 3, ...(code ? { code } : {}) });
    expect(error).toMatchObject({ status, code: expected });
    expect((error as APIError).headers?.get('retry-after')).toBe('3');
    if (status !== 502) expect((error as Error).message).toContain(errorCanary);
  });

  it('applies to the first requests with its key only', async () => {
    const directive: Directive = { status: 503, times: 2, key: 'twice', deltas: 2 };
    expect((await play(directive)).error).toMatchObject({ status: 503 });
    expect((await play(directive)).error).toMatchObject({ status: 503 });
    expect((await play(directive)).deltas).toEqual(scriptedText(directive));
  });

  it('that cannot be followed is a 400', async () => {
    const { error } = await read('@@{"fault":"flood"}@@');
    expect(error).toMatchObject({ status: 400, code: 'bad_directive' });
  });
});

describe('a demo answer', () => {
  const questions = {
    chinese: '你好吗？',
    arabic: 'مرحبا',
    letters: 'Show me emoji 🎉',
    code: 'Write some TypeScript code',
    markdown: 'A tour of Markdown, please',
    friendly: `What is a bowline?${' Tell me more.'.repeat(50)}`,
  };

  it.each(Object.entries(questions))('fits the question, in whole characters: %s', async (name, question) => {
    const { deltas, finish, usage } = await read(question);
    expect(deltas.join('')).toBe(demoAnswers.find((answer) => answer.name === name)?.text(question));
    expect(deltas.length).toBeGreaterThan(50);
    expect(deltas.every((delta) => delta.isWellFormed())).toBe(true);
    expect(finish).toBe('stop');
    expect(usage).toMatchObject({ total_tokens: expect.any(Number) });
    const { length } = deltas;
    await vi.waitFor(() => {
      expect(standIn.journal().at(-1)).toMatchObject({ deltasSent: length, outcome: 'finished' });
    });
  });

  it('waits for the second half of a character', () => {
    const join = createSurrogateJoiner();
    expect(['a\ud83d', '\ude00\ud83d', '\ude00', 'b'].map(join)).toEqual(['a', '😀', '😀', 'b']);
  });
});
