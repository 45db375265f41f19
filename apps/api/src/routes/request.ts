/** What several routes read from a request. */
import { AppError, type NotFoundKind, notFound } from '@holdfast/shared/errors.ts';
import { isId } from '@holdfast/shared/id.ts';
import type { IdempotentRequest } from '@holdfast/shared/store/idempotency.ts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

/** An id in the path. What cannot be an id is answered like one that is unknown: see `pathId`. */
export const idParams = z.object({ id: z.string() });

/** The id in the path, or the same 404 as for an id that does not exist: it never reaches SQL. */
export function pathId(request: { params: { id: string } }, what: NotFoundKind): string {
  if (!isId(request.params.id)) throw notFound(what);
  return request.params.id.toLowerCase();
}

/** draft-ietf-httpapi-idempotency-key-header; 255 is what the best known APIs allow. */
const idempotencyKeyPattern = /^[\x21-\x7e]{1,255}$/;

/**
 * What makes this request the same as another one: user, Idempotency-Key, and everything that it asks for.
 * Throws `invalid_idempotency_key`.
 */
export function idempotentRequest(request: FastifyRequest): IdempotentRequest {
  const key = request.headers['idempotency-key'];
  if (key !== undefined && (typeof key !== 'string' || !idempotencyKeyPattern.test(key))) {
    throw new AppError('invalid_idempotency_key', {
      detail: 'Send one Idempotency-Key of 1 to 255 printable ASCII characters without spaces.',
    });
  }
  const { method, routeOptions, params, body } = request;
  return { userId: request.user.id, key, fingerprint: [method, routeOptions.url, params, body] };
}

/** Throws `unknown_model` for a model that is not offered here. */
export function assertModelOffered(model: string | undefined, models: readonly string[]): void {
  if (model === undefined || models.includes(model)) return;
  throw new AppError('unknown_model', { detail: `Choose one of: ${models.join(', ')}.` });
}
