import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { problemSchema } from '@holdfast/shared/http/schemas.ts';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

/** Its own policy would let the page be framed, and fetch styles and fonts from anywhere. */
const docsPolicy =
  "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; img-src 'self' data:; object-src 'none'; script-src 'self'; style-src 'self'";

/** The OpenAPI document of all routes that are registered after it, and a page to try them, at /docs. */
export async function registerDocs(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'Holdfast',
        version: '0.1.0',
        description: 'Chat whose answers never break. docs/PROTOCOL.md says how event streams are resumed.',
      },
    },
    transform: jsonSchemaTransform,
  });
  // Every route can fail, and all fail alike. `sendProblem` writes the body; this only describes it.
  app.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/api/')) return;
    const problem = {
      description: 'RFC 9457 problem',
      content: { 'application/problem+json': { schema: problemSchema } },
    };
    const response = route.schema?.response as object | undefined;
    route.schema = { ...route.schema, response: { ...response, '4xx': problem, '5xx': problem } };
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: docsPolicy });
}
