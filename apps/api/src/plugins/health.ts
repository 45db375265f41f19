import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

export interface HealthOptions {
  /** Each rejects when its dependency cannot be used. */
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>;
  /** True from the moment that this process is told to end: balancers send nothing new. */
  readonly isDraining: () => boolean;
}

/** A check that takes longer has failed: a balancer asks again before this. */
const checkMsMax = 2_000;

const statusSchema = z.object({ status: z.literal('ok') });

/** `/healthz`: the process lives. `/readyz`: it can serve, because its dependencies answer and it is not shutting down. */
export function registerHealth(app: FastifyInstance, { checks, isDraining }: HealthOptions): void {
  const schema = { response: { 200: statusSchema }, hide: true };

  app.get('/healthz', { schema, logLevel: 'silent' }, async () => ({ status: 'ok' }) as const);

  app.get('/readyz', { schema, logLevel: 'silent' }, async () => {
    if (isDraining())
      throw new AppError('shutting_down', {
        detail: 'This process takes no new requests.',
        retryAfterSeconds: 1,
      });
    const results = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => ((await succeeds(check)) ? null : name)),
    );
    const failed = results.filter((name) => name !== null);
    if (failed.length > 0) {
      throw new AppError(failed.includes('postgres') ? 'store_unavailable' : 'queue_unavailable', {
        detail: `Cannot be reached: ${failed.join(', ')}.`,
        retryAfterSeconds: 1,
      });
    }
    return { status: 'ok' } as const;
  });
}

async function succeeds(check: () => Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), checkMsMax);
  });
  const outcome = check().then(
    () => true,
    () => false,
  );
  return Promise.race([outcome, timeout]).finally(() => clearTimeout(timer));
}
