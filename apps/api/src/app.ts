import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import { v7Id } from '@holdfast/shared/id.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiConfig } from './config.ts';
import { registerAccess } from './plugins/access.ts';
import { createAuthenticate } from './plugins/authenticate.ts';
import { registerDocs } from './plugins/docs.ts';
import { type HealthOptions, registerHealth } from './plugins/health.ts';
import { registerHttpRules } from './plugins/http-rules.ts';
import { requireIdempotency } from './plugins/idempotency.ts';
import { registerJsonBody } from './plugins/json-body.ts';
import { answerBrokenHttp, answerFrameworkError, registerProblems } from './plugins/problem.ts';
import { type RateLimitOptions, registerRateLimits } from './plugins/rate-limits.ts';
import { registerRingFeeds } from './plugins/ring-feeds.ts';
import { registerSecurityHeaders } from './plugins/security-headers.ts';
import { registerWeb } from './plugins/web.ts';
import { registerAccount } from './routes/account.ts';
import { registerAdminQueue } from './routes/admin-queue.ts';
import { registerAdminUsers } from './routes/admin-users.ts';
import { registerApiKeys } from './routes/api-keys.ts';
import { registerAuth } from './routes/auth.ts';
import { registerConversation } from './routes/conversation.ts';
import { registerConversationExport } from './routes/conversation-export.ts';
import { registerConversations } from './routes/conversations.ts';
import { registerInvitations } from './routes/invitations.ts';
import { registerMembers } from './routes/members.ts';
import { registerMessages } from './routes/messages.ts';
import { registerPublicLinks } from './routes/public-links.ts';
import { registerRunEvents } from './routes/run-events.ts';
import { registerRuns } from './routes/runs.ts';
import type { App, Services } from './routes/services.ts';
import { registerSessions } from './routes/sessions.ts';
import { registerShared } from './routes/shared.ts';
import { registerTickets } from './routes/tickets.ts';
import { registerUsage } from './routes/usage.ts';
import { registerUserEvents } from './routes/user-events.ts';

/** 100,000 characters of message text in UTF-8, and some room for the rest. */
export const bodyBytesMax = 512 * 1024;

/** Cookies and tokens fit many times over; without a limit, headers are memory that anybody may fill. */
const headerBytesMax = 16 * 1024;

/** Slowloris: a request whose head or body trickles in holds a socket no longer than this. */
const headersMsMax = 10_000;
const requestMsMax = 16_000;
const requestCheckMs = 2_500;

/** Longer than the idle time of common balancers (60 s), so that it is never us who close under their request. */
const keepAliveMs = 72_000;

export interface AppOptions {
  readonly config: Pick<ApiConfig, 'corsOrigins' | 'proxyHops'>;
  readonly logger: Logger;
  readonly rateLimits: RateLimitOptions;
  readonly services: Services;
  readonly health: HealthOptions;
}

/** Builds the application: plugins, then routes. Opens nothing and listens nowhere. */
export async function buildApp({ config, logger, rateLimits, services, health }: AppOptions): Promise<App> {
  const app = Fastify({
    loggerInstance: logger as FastifyBaseLogger,
    genReqId: v7Id,
    bodyLimit: bodyBytesMax,
    trustProxy: (_address, hop) => hop < config.proxyHops,
    forceCloseConnections: true,
    requestTimeout: requestMsMax,
    keepAliveTimeout: keepAliveMs,
    http: {
      headersTimeout: headersMsMax,
      requestTimeout: requestMsMax,
      connectionsCheckingInterval: requestCheckMs,
      maxHeaderSize: headerBytesMax,
      // Node's own answer has no body; ours is below.
      requireHostHeader: false,
    },
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: answerFrameworkError,
    // One line per answer, below, instead of two with the whole address.
    logController: new LogController({ disableRequestLogging: true }),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  registerProblems(app);
  registerHttpRules(app);
  registerJsonBody(app);

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    // What the API answers is private to the one who asked, and stale at once.
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async (request, reply) => {
    // The route's pattern and no query: addresses can carry cursors and tickets.
    const { method, routeOptions } = request;
    const level = routeOptions.logLevel === 'silent' ? 'trace' : 'info';
    request.log[level](
      { method, route: routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });

  await registerSecurityHeaders(app);
  if (config.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: [...config.corsOrigins],
      credentials: true,
      methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'last-event-id'],
      exposedHeaders: ['location', 'ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id'],
      maxAge: 600,
    });
  }

  await app.register(cookie);
  const countForUser = registerRateLimits(app, services, rateLimits);
  requireIdempotency(app);
  registerAccess(app, services, createAuthenticate(services), countForUser);

  registerRingFeeds(app, services.feedBell);

  await registerDocs(app);
  registerHealth(app, health);
  registerAuth(app, services);
  registerAccount(app, services);
  registerUsage(app, services);
  registerSessions(app, services);
  registerApiKeys(app, services);
  registerTickets(app, services);
  registerAdminUsers(app, services);
  registerAdminQueue(app, services);
  registerConversations(app, services);
  registerConversation(app, services);
  registerConversationExport(app, services);
  registerMessages(app, services);
  registerRuns(app, services);
  registerRunEvents(app, services);
  registerUserEvents(app, services);
  registerMembers(app, services);
  registerInvitations(app, services);
  registerPublicLinks(app, services);
  registerShared(app, services);
  await registerWeb(app);
  return app;
}
