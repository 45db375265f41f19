/**
 * Reads answers of the bench's upstream, and throws them away or writes each token to Redis. BENCH_READER: `sdk`, a plain
 * `for await` over the SDK with Node's own fetch; `lean`, the reading part of Holdfast's worker. BENCH_WRITE=1: XADD and PUBLISH
 * for each token, awaited, with ioredis' auto-pipelining.
 */
import { Redis } from 'ioredis';
import OpenAI from 'openai';
import { createOpenAiUpstream } from '../../apps/worker/src/upstream/openai.ts';
import { ready, serve } from '../support/serve.ts';

const baseUrl = process.env['OPENAI_BASE_URL'] ?? '';
const messages = [{ role: 'user' as const, content: 'bench' }];
const redis =
  process.env['BENCH_WRITE'] === '1'
    ? new Redis(process.env['REDIS_URL'] ?? '', { enableAutoPipelining: true })
    : null;

async function* sdkTexts(): AsyncGenerator<string> {
  const openai = new OpenAI({ apiKey: 'sk-bench', baseURL: baseUrl });
  const stream = await openai.chat.completions.create({ model: 'bench', stream: true, messages });
  for await (const chunk of stream) yield chunk.choices[0]?.delta.content ?? '';
}

const upstream = createOpenAiUpstream({
  apiKey: 'sk-bench',
  baseUrl,
  organization: null,
  maxTokensField: 'max_tokens',
  idleMs: 600_000,
});

async function* leanTexts(): AsyncGenerator<string> {
  const prompt = { model: 'bench', messages, parameters: {} };
  for await (const chunk of upstream.answer(prompt, new AbortController().signal)) yield chunk.text ?? '';
}

async function answer(id: number): Promise<void> {
  let seq = 0;
  for await (const text of process.env['BENCH_READER'] === 'lean' ? leanTexts() : sdkTexts()) {
    if (!redis || text === '') continue;
    const json = JSON.stringify({ text });
    seq += 1;
    await Promise.all([
      redis.xadd(`reader:${id}`, `1-${seq}`, 't', 'delta', 'd', json),
      redis.publish(`reader:${id}:live`, `1-${seq} delta ${json}`),
    ]);
  }
}

serve({
  open({ count }: { count: number }) {
    for (let id = 0; id < count; id += 1) answer(id).catch(console.error);
  },
});
ready();
