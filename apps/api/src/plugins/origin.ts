import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyRequest } from 'fastify';

/**
 * Refuses a request that another site's page may have sent with the browser's cookies, or to have them set (log-in CSRF).
 * `Origin` names the page and no page can forge it; what hides its origin (`null`) is foreign. Throws `foreign_origin`.
 *
 * `pageOrigins`: origins whose pages may do so besides our own. Host and port are compared, not the scheme: behind a proxy that ends TLS we need not know it.
 */
export function assertOwnOrigin(request: FastifyRequest, pageOrigins: readonly string[]): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin === undefined ? site === 'same-origin' : pageOrigins.includes(origin)) return;
  if (origin !== undefined && URL.canParse(origin)) {
    const { protocol, host } = new URL(origin);
    const here = `${protocol}//${request.host}`;
    // Through URL as well, which drops the port where it is the scheme's own.
    if (host !== '' && URL.canParse(here) && new URL(here).host === host) return;
  }
  throw new AppError('foreign_origin', {
    detail:
      'Send this from a page of this origin, or of one in CORS_ORIGINS. Programs ask for {"session": "token"} and send it as a bearer token.',
  });
}
