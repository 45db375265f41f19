import { afterAll, beforeAll, it } from 'vitest';
import { ask, question } from '../support/ask.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ workers: 0, env: { UPSTREAM_IDLE_MS: '60000' } });
});
afterAll(async () => {
  await stack.stop();
});
for (let round = 0; round < 5; round++)
  it('r' + round, async () => {
    const w = await stack.startWorker();
    const runs = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(
          stack.apis[0]!.url,
          question({ deltas: 5, fault: 'stall', seed: i + 100 * round, key: `${round}-${i}`, times: 1 }),
        ),
      ),
    );
    await new Promise((r) => setTimeout(r, 1500 + round * 1000));
    const b = await stack.startWorker();
    const t = Date.now();
    process.kill(w.pid, 'SIGSTOP');
    for (;;) {
      const { rows } = await stack.db.query("select 1 from runs where status in ('queued','running')");
      if (!rows.length || Date.now() - t > 40000) break;
      await new Promise((r) => setTimeout(r, 50));
    }
    const { rows } = await stack.db.query(
      'select extract(epoch from finished_at)*1000 as at, attempt from runs where id = any($1)',
      [runs.map((r) => r.run.id)],
    );
    console.log(
      'TAKE',
      round,
      rows
        .map((r) => Math.round(Number(r.at) - t))
        .sort((a, b) => a - b)
        .join(' '),
      'attempts',
      rows.map((r) => r.attempt).join(''),
    );
    process.kill(w.pid, 'SIGCONT');
    await w.kill();
    await b.kill();
  });
