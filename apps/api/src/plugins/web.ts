import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const dist = fileURLToPath(new URL('../../../web/dist', import.meta.url));

/** Serves the chat page at `/`, when it was built. Its files carry hashes in their names, so they may be kept for ever. */
export async function registerWeb(app: FastifyInstance): Promise<void> {
  if (!existsSync(dist)) {
    app.log.warn('the chat page is not built; only the API is served');
    return;
  }
  await app.register(fastifyStatic, {
    root: dist,
    wildcard: false,
    // The build has put compressed twins beside its files; they have no addresses of their own.
    preCompressed: true,
    globIgnore: ['**/*.{br,gz}'],
    cacheControl: false,
    setHeaders(reply, path) {
      const forEver = path.includes('/assets/');
      reply.header('cache-control', forEver ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
}
