import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyInstance } from 'fastify';
import { parse as parseSafely } from 'secure-json-parse';

/**
 * The only body that is taken: JSON in UTF-8. Fastify's own parser would take other character sets and broken UTF-8, and
 * its text/plain parser would let a form on another site post without a CORS preflight.
 */
export function registerJsonBody(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const utf8 = new TextDecoder('utf-8', { fatal: true });

  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      assertPlainUtf8(request.headers);
      done(null, body.length === 0 ? undefined : parseJson(utf8, body as Buffer));
    } catch (error) {
      done(error as AppError, undefined);
    }
  });
}

function assertPlainUtf8(headers: Record<string, string | string[] | undefined>): void {
  const charset = /;\s*charset\s*=\s*"?([^;"\s]*)/i.exec(String(headers['content-type']))?.[1];
  if (headers['content-encoding'] !== undefined || (charset !== undefined && !/^utf-?8$/i.test(charset))) {
    throw new AppError('unsupported_media_type', { detail: 'Send the body as uncompressed JSON in UTF-8.' });
  }
}

/** Refuses what is not UTF-8 and keys that would reach an object's prototype. */
function parseJson(utf8: TextDecoder, body: Buffer): unknown {
  try {
    return parseSafely(utf8.decode(body), null, { protoAction: 'error', constructorAction: 'error' });
  } catch (cause) {
    throw new AppError('invalid_json', { detail: 'The body could not be parsed as JSON in UTF-8.', cause });
  }
}
