/**
 * What a request does that is sent twice, because its answer was lost on the way. Every POST under /api says it, and
 * cannot be registered without.
 */
import type { App } from '../routes/services.ts';

/**
 * key      the first answer again, for an Idempotency-Key: the route uses `once`
 * natural  nothing more than it did the first time, and why
 * none     the same thing anew, and why that harms nobody
 */
export type Repeat = 'key' | { readonly natural: string } | { readonly none: string };

declare module 'fastify' {
  interface FastifyContextConfig {
    idempotency?: Repeat;
  }
}

/** Register it before the routes. */
export function requireIdempotency(app: App): void {
  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat();
    if (!methods.includes('POST') || !route.url.startsWith('/api/') || route.config?.idempotency) return;
    throw new Error(`POST ${route.url} does not say what happens when it is sent twice (config.idempotency)`);
  });
}
