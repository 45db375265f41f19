import { spawnSync } from 'node:child_process';
import { withoutSecrets } from '@holdfast/shared/logger.ts';
import { describe, expect, it } from 'vitest';

const canary = 'sk-proj-c4n4ryC4N4RY_c4n4ry-0123456789';

/** What a process writes that logs like this: pino writes to the real standard output, past every patch of it. */
function logged(script: string): string {
  const source = `
    import { createLogger } from '@holdfast/shared/logger.ts';
    const logger = createLogger('test', 'info');
    const canary = ${JSON.stringify(canary)};
    ${script}
  `;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
    cwd: new URL('../..', import.meta.url),
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}
const records = (output: string): Record<string, unknown>[] =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('a text without secrets', () => {
  it.each([
    [`Incorrect API key provided: ${canary}.`, 'Incorrect API key provided: [redacted]'],
    ['Incorrect API key provided: deadbeef01.', 'Incorrect API key provided: [redacted]'],
    [`key ${canary} is wrong`, 'key sk-[redacted] is wrong'],
    ['sk-stand***********************-in', 'sk-[redacted]'],
    ['postgres://user:pw@host:5432/db', 'postgres://user:[redacted]@host:5432/db'],
    ['postgres://user:p@ss@host/db?x=1', 'postgres://user:[redacted]@host/db?x=1'],
    ['redis://:pw@host', 'redis://:[redacted]@host'],
    ['from redis://:a@h to redis://:b@i', 'from redis://:[redacted]@h to redis://:[redacted]@i'],
    [`Authorization: Bearer ${canary}`, 'Authorization: Bearer [redacted]'],
    ['authorization: bearer abc.def.ghi', 'authorization: bearer [redacted]'],
  ])('%s', (text, expected) => {
    expect(withoutSecrets(text)).toBe(expected);
  });

  it('is what it was when there is nothing to hide', () => {
    for (const text of [
      'connect ECONNREFUSED 127.0.0.1:6379',
      'https://api.example.com/v1/chat/completions',
      'http://[::1]:3000/',
      'relation "messages" does not exist',
      'task-force and key-word',
      '',
    ]) {
      expect(withoutSecrets(text)).toBe(text);
    }
  });
});

describe('the log', () => {
  it('holds no key that an error carries: in its message, its stack, its causes or its own fields', () => {
    const output = logged(`
      const cause = new Error('refused ' + canary);
      const error = Object.assign(new Error('failed with Bearer ' + canary, { cause }), {
        status: 401,
        code: 'invalid_api_key',
        headers: { authorization: 'Bearer ' + canary },
        request: { apiKey: canary },
      });
      logger.error({ err: error }, 'one');
      logger.error({ error }, 'two');
      logger.error({ err: new Error('outer', { cause: new Error('inner', { cause: 'text ' + canary }) }) }, 'three');
      logger.error({ err: canary }, 'four');
      logger.error({ err: new AggregateError([error], 'all failed: ' + canary) }, 'five');
      logger.error(error);
    `);
    expect(output).not.toContain(canary);
    expect(output).not.toContain('c4n4ry');
    expect(records(output)[0]).toMatchObject({
      msg: 'one',
      err: { type: 'Error', message: 'failed with Bearer [redacted]', status: 401, code: 'invalid_api_key' },
    });
  });

  it('holds no secret that stands in a field of that name', () => {
    const output = logged(`
      logger.info({ apiKey: canary, password: canary, databaseUrl: canary, redisUrl: canary }, 'flat');
      logger.info({ config: { apiKey: canary, password: canary, databaseUrl: canary, redisUrl: canary } }, 'nested');
      logger.info({ req: { headers: { authorization: canary, cookie: canary } } }, 'request');
      logger.info({ res: { headers: { 'set-cookie': canary } } }, 'response');
    `);
    expect(output).not.toContain(canary);
    expect(records(output)).toHaveLength(4);
  });

  it('describes an error that is its own cause, and one with a thousand causes, in one bounded record', () => {
    const output = logged(`
      const own = new Error('circular');
      own.cause = own;
      logger.error({ err: own }, 'own');
      let deep = new Error('innermost');
      for (let n = 0; n < 1_000; n++) deep = new Error('level', { cause: deep });
      logger.error({ err: deep }, 'deep');
      logger.error({ err: new Error('x'.repeat(1_000_000)) }, 'long');
    `);
    const lines = output.trim().split('\n');
    expect(records(output).map(({ msg }) => msg)).toEqual(['own', 'deep', 'long']);
    for (const line of lines) expect(line.length).toBeLessThan(64 * 1024);
  });

  it('is one line per record, whatever is in it', () => {
    const output = logged(`
      logger.error({ err: new Error('a\\nb\\r\\nc \\u2028 {"level":60}'), runId: 'x\\n{"forged":true}' }, 'm\\nn');
    `);
    expect(records(output)).toHaveLength(1);
    expect(records(output)[0]).toMatchObject({ msg: 'm\nn', runId: 'x\n{"forged":true}' });
  });
});
