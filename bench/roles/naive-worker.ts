/** The naive design's worker: `for await` over the `openai` SDK, one XADD per token. */

import { Redis } from 'ioredis';
import OpenAI from 'openai';
import { ready, serve } from '../support/serve.ts';

const redis = new Redis(process.env['REDIS_URL'] ?? '', { enableAutoPipelining: true });
const prefix = process.env['REDIS_PREFIX'] ?? 'bench';
const openai = new OpenAI({ apiKey: 'sk-bench', baseURL: process.env['OPENAI_BASE_URL'] ?? '' });

async function answer(number: number): Promise<void> {
  await redis.xadd(`${prefix}:${number}`, '1-0', 'd', '{}');
  const stream = await openai.chat.completions.create({
    model: 'bench',
    stream: true,
    messages: [{ role: 'user', content: 'bench' }],
  });
  let seq = 0;
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content;
    if (!text) continue;
    seq += 1;
    await redis.xadd(`${prefix}:${number}`, `1-${seq}`, 'd', JSON.stringify({ text }));
  }
}

serve({
  open({ ids }: { ids: readonly string[] }) {
    for (const number of ids.keys()) answer(number).catch(console.error);
  },
});
ready();
