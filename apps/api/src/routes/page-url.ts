import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyRequest } from 'fastify';

/**
 * The address of a view of the chat page, to pass on. The view stands behind `#`, because it carries a token: what is there
 * is sent to no server, so that it is in nobody's access log and in no Referer.
 *
 * `publicUrl` is the origin of the page; null: the one that this request came to. Throws `invalid_request`.
 */
export function pageUrl(publicUrl: string | null, request: FastifyRequest, view: string): string {
  const origin = publicUrl ?? `${request.protocol}://${request.host}`;
  if (!URL.canParse(origin)) {
    throw new AppError('invalid_request', { detail: 'The Host header field names no host.' });
  }
  return `${new URL(origin).origin}/#${view}`;
}
