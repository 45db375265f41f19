import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { problemSchema } from '@holdfast/shared/http/schemas.ts';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';

/** The OpenAPI document of all routes that are registered after it, and a page to try them, at /docs. */
export async function registerDocs(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'Holdfast',
        version: '0.1.0',
        description: 'Chat whose answers never break. docs/PROTOCOL.md says how event streams are resumed.',
      },
      components: {
        schemas: { Problem: z.toJSONSchema(problemSchema, { target: 'openapi-3.0' }) as object },
      },
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
}
