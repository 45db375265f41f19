/** The headers of security that every answer carries. */
import helmet from '@fastify/helmet';
import Fastify, { type FastifyInstance } from 'fastify';

const options = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      // Pictures in answers could carry what was said to somebody else's server.
      imgSrc: ["'self'", 'data:'],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  frameguard: { action: 'deny' as const },
  referrerPolicy: { policy: 'no-referrer' as const },
  // Whether a site is reached by TLS only is decided by the proxy that ends TLS.
  strictTransportSecurity: false,
  // Pages of the origins in CORS_ORIGINS read the API; CORS decides, not this header.
  crossOriginResourcePolicy: false,
};

/** What helmet says of any answer: none of it depends on the request. */
async function headersOfHelmet(): Promise<Record<string, string>> {
  const app = Fastify();
  await app.register(helmet, options);
  const headers: Record<string, string> = {};
  app.get('/', async (_request, reply) => {
    for (const [name, value] of Object.entries(reply.raw.getHeaders())) headers[name] = String(value);
    return '';
  });
  await app.inject('/');
  await app.close();
  return headers;
}

/**
 * Asks helmet once, instead of for each request: it would make its policy anew, and put each header into the response by
 * itself, where a connection of hours keeps it.
 */
export async function registerSecurityHeaders(app: FastifyInstance): Promise<void> {
  const headers = await headersOfHelmet();
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
}
