/** Rules of HTTP that Node would enforce by itself, with answers that have no body: here they get one like all others. */
import type { IncomingMessage } from 'node:http';
import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyInstance } from 'fastify';

/**
 * "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header
 * field and to any request message that contains more than one Host header field line" (RFC 9112, 3.2).
 */
function hasOneHost({ httpVersion, rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let n = 0; n < rawHeaders.length; n += 2) if (rawHeaders[n]?.toLowerCase() === 'host') hosts += 1;
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0');
}

export function registerHttpRules(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (!hasOneHost(request.raw)) throw new AppError('bad_http', { detail: 'Send one Host header field.' });
  });
  // An expectation that is not known may be ignored (RFC 9110, 10.1.1).
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}
