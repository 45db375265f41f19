/** Makes conversations, and posts one question into each: as many requests under way as it is told. */
import { Agent, request } from 'node:http';
import { ready, serve } from '../support/serve.ts';

interface Target {
  readonly base: string;
  /** One for each user. What is posted is spread over them. */
  readonly apiKeys: readonly string[];
  readonly atOnce: number;
}

const agent = new Agent({ keepAlive: true });

function post<T>(url: string, apiKey: string, body: object): Promise<T> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.once('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text) as T);
          else reject(new Error(`${response.statusCode}: ${text.slice(0, 300)}`));
        });
        response.once('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

async function inLanes(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  async function lane(): Promise<void> {
    for (let index = next++; index < count; index = next++) await work(index);
  }
  await Promise.all(Array.from({ length: atOnce }, lane));
}

serve({
  async conversations({ base, apiKeys, atOnce, count }: Target & { count: number }) {
    const ids: string[] = [];
    await inLanes(count, atOnce, async (index) => {
      const made = await post<{ id: string }>(`${base}/api/conversations`, keyOf(apiKeys, index), {});
      ids[index] = made.id;
    });
    return ids;
  },
  async postAll({ base, apiKeys, atOnce, conversations }: Target & { conversations: readonly string[] }) {
    await inLanes(conversations.length, atOnce, async (index) => {
      const url = `${base}/api/conversations/${conversations[index]}/messages`;
      await post(url, keyOf(apiKeys, index), { text: 'bench' });
    });
  },
});
ready();

function keyOf(apiKeys: Target['apiKeys'], index: number): string {
  return apiKeys[index % apiKeys.length] ?? '';
}
