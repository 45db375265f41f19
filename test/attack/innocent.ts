/** What every attack leaves behind: the same process, without a fault in its log, and no secret told to anybody. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { problemSchema } from '@holdfast/shared/http/schemas.ts';
import { problems } from '@holdfast/shared/protocol/error-code.ts';
import { expect, inject } from 'vitest';
import { call } from '../support/ask.ts';
import type { Stack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

/** Stack traces, paths of the source, SQL, and what is secret in every stack. */
const inside = /\n\s+at .+:\d+:\d+|node_modules|\/apps\/api\/|\bselect\b.+\bfrom\b.+\bwhere\b/i;
const secrets = [testUser.apiKey, testUser.sessionToken, 'sk-test-canary-key'];

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is wrong with an answer to an attack; null when nothing is. `head`: the request was a HEAD, so there is no body. */
export function faultOf({ status, headers, body }: Answer, head = false): string | null {
  if (status >= 500 || status < 200) return `status ${status}`;
  if (inside.test(body) && headers['content-type']?.startsWith('application/'))
    return 'it tells of the inside';
  if (secrets.some((secret) => body.includes(secret))) return 'it tells a secret';
  if (status < 400 || head) return null;
  if (!headers['content-type']?.startsWith('application/problem+json')) return 'it is no problem+json';
  try {
    const problem = problemSchema.parse(JSON.parse(body));
    if (problems[problem.code].status !== status || problem.status !== status)
      return 'the status is of another code';
    return problem.requestId === '' ? 'it has no request id' : null;
  } catch (error) {
    return `it is no problem: ${String(error).slice(0, 200)}`;
  }
}

/** All that the processes of a stack have logged so far. */
export function logsOf(stack: Stack): string {
  const logDir = inject('logDir');
  if (!existsSync(logDir)) return '';
  return readdirSync(logDir, 'utf8')
    .filter((file) => file.startsWith(stack.redisPrefix.replaceAll('-', '_')))
    .map((file) => readFileSync(join(logDir, file), 'utf8'))
    .join('\n');
}

/** The process lives, answers, and has logged no fault of its own, nor a secret. */
export async function expectUnharmed(stack: Stack): Promise<void> {
  for (const { url, exited } of stack.apis) {
    expect(await Promise.race([exited, Promise.resolve('alive')])).toBe('alive');
    expect((await call(url, 'GET', '/healthz')).status).toBe(200);
    expect((await call(url, 'GET', '/readyz')).status).toBe(200);
  }
  const lines = logsOf(stack).split('\n');
  expect(
    lines.filter((line) => /request failed|unhandled|uncaught|"level":60/i.test(line)).slice(0, 3),
  ).toEqual([]);
  expect(lines.filter((line) => secrets.some((secret) => line.includes(secret))).slice(0, 3)).toEqual([]);
}
