import { AppError, notFound } from '@holdfast/shared/errors.ts';
import { failures, type ProblemCode, problems } from '@holdfast/shared/protocol/error-code.ts';
import { describe, expect, it } from 'vitest';

const codes = Object.keys(problems) as ProblemCode[];

/**
 * Whether time alone can make the same request succeed. Of the conflicts only a busy conversation passes, and of the
 * limits all but that of a day's tokens, which nobody should wait for in a loop.
 */
function mayPass(code: ProblemCode): boolean {
  const { status } = problems[code];
  if (status === 429) return code !== 'token_limit_reached';
  return status >= 500 || status === 408 || code === 'conversation_busy';
}

describe('the codes of problems', () => {
  it.each(codes)(
    '%s has an error status, a title, and may be retried exactly when the fault may pass',
    (code) => {
      const { status, title, retry } = problems[code];
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(title).toMatch(/^[A-Z].*[^.]$/);
      expect(retry).toBe(mayPass(code));
      expect(new AppError(code, { detail: 'd' })).toMatchObject({
        name: 'AppError',
        code,
        status,
        message: 'd',
      });
    },
  );

  it('tell the same of what does not exist and of what belongs to somebody else', () => {
    expect(notFound('run')).toMatchObject({ code: 'run_not_found', status: 404 });
    expect(notFound('message')).toMatchObject({ code: 'message_not_found', status: 404 });
    expect(notFound('conversation')).toMatchObject({ code: 'conversation_not_found', status: 404 });
  });
});

describe('the codes of failures', () => {
  it.each(Object.entries(failures))('%s has whole sentences for people', (code, sentence) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(sentence).toMatch(/^[A-Z].*\.$/);
  });
});
