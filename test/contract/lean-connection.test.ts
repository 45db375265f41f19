/** The connection that a worker writes over and an API process reads over, as Redis treats it. */
import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { RunLogUnavailableError } from '@holdfast/shared/run-log/run-log.ts';
import { expect, inject, it, onTestFinished } from 'vitest';

it('is replaced when Redis answers that it is no primary any more, and goes on with the new one', async () => {
  const redis = connectRedis({
    url: inject('redisUrl'),
    role: 'lean',
    name: 'contract-lean',
    onError: () => undefined,
  });
  onTestFinished(() => redis.disconnect());
  await whenReady(redis);
  const connection = createLeanConnection(redis);
  const idOf = async () => connection.send([['client', 'ID']], 1).catch(() => null);
  const before = await idOf();
  expect(before).toBeTypeOf('number');

  const refused = connection.send([['eval', "return redis.error_reply('READONLY demoted')", 0]], 1);
  await expect(refused).rejects.toThrow(RunLogUnavailableError);
  await expect.poll(async () => (await idOf()) ?? before, { timeout: 10_000 }).not.toBe(before);
});
