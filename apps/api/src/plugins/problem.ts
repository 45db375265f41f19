import type { Socket } from 'node:net';
import { AppError } from '@holdfast/shared/errors.ts';
import type { Problem } from '@holdfast/shared/http/schemas.ts';
import { type ProblemCode, problems } from '@holdfast/shared/protocol/error-code.ts';
import { RunLogUnavailableError } from '@holdfast/shared/run-log/run-log.ts';
import { isDatabaseUnavailable } from '@holdfast/shared/store/database.ts';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';

/** Faults of one request that are told at most; a body of 100,000 wrong fields gets no answer of the same length. */
const faultsMax = 20;

/** Of a fault's path or message: both can hold names that the client made up, as many and as long as a body may be. */
const faultCharsMax = 300;

/**
 * A body that is too large, but announced and no longer than this, is received to its end and thrown away. Fastify would
 * close the connection under it, which resets the sender before it reads why: behind nginx people saw 502 for our 413.
 */
const discardedBytesMax = 4 * 1024 * 1024;

/** Seconds after which a dependency that is away is worth another try. */
const retryAfterSeconds = 2;

/** Fastify's own errors that a client can cause, by their code. Any other 4xx of Fastify's becomes `invalid_request`. */
const fastifyCodes: Readonly<Record<string, [ProblemCode, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'Send a smaller body.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send the body as application/json in UTF-8.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_json', 'The body could not be parsed as JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_json', 'The body is empty; send a JSON object.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'bad_http',
    'The body does not have the length that Content-Length names.',
  ],
  FST_ERR_BAD_URL: ['invalid_request', 'The address is not valid.'],
  FST_ERR_MAX_PARAM_LENGTH: ['uri_too_long', 'A part of the address is too long.'],
  FST_ERR_REOPENED_CLOSE_SERVER: ['shutting_down', 'Try again; another process will answer.'],
};

/** Whatever was thrown, as the error that the client is told. `internal` says nothing of what happened. */
function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new AppError('invalid_request', {
      detail: 'Some fields are not valid; see `errors`.',
      errors: error.validation.slice(0, faultsMax).map((fault) => ({
        path: shortened(fault.instancePath || '/'),
        message: shortened(fault.message ?? 'is not valid'),
      })),
    });
  }
  if (isDatabaseUnavailable(error)) {
    return new AppError('store_unavailable', {
      detail:
        'The database does not answer at the moment. A change may have been made or not: try again, with the same Idempotency-Key where there is one.',
      retryAfterSeconds,
      cause: error,
    });
  }
  if (error instanceof RunLogUnavailableError) {
    return new AppError('queue_unavailable', {
      detail: 'Redis does not answer at the moment. Try again.',
      retryAfterSeconds,
      cause: error,
    });
  }
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = code === undefined ? undefined : fastifyCodes[code];
  if (known) return new AppError(known[0], { detail: known[1], cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new AppError('invalid_request', { detail: 'The request could not be understood.', cause: error });
  }
  return new AppError('internal', {
    detail: 'Please try again; if it stays, tell the operator the requestId.',
    cause: error,
  });
}

/** At most `faultCharsMax` units; cutting a character in half must not make the answer invalid. */
function shortened(text: string): string {
  return text.length <= faultCharsMax ? text : `${text.slice(0, faultCharsMax).toWellFormed()}…`;
}

/** Builds an RFC 9457 body. */
function toProblem(error: AppError, requestId: string, instance?: string): Problem {
  return {
    type: `urn:holdfast:problem:${error.code}`,
    title: problems[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(instance === undefined ? {} : { instance }),
    requestId,
    ...(error.errors ? { errors: [...error.errors] } : {}),
  };
}

function sendProblem(error: AppError, request: FastifyRequest, reply: FastifyReply): void {
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  // "The server generating a 401 response MUST send a WWW-Authenticate header field" (RFC 9110, 15.5.2)
  if (error.status === 401) reply.header('www-authenticate', 'Bearer');
  const path = request.url.split('?', 1)[0];
  reply
    .code(error.status)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(toProblem(error, request.id, path));
}

/** Answers every error and every unknown route with application/problem+json (RFC 9457). */
export function registerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const appError = toAppError(error);
    if (appError.code === 'internal') request.log.error({ err: error }, 'request failed');
    else if (appError.status >= 500) request.log.warn({ err: error }, 'request refused');
    const announcedBytes = Number(request.headers['content-length']);
    if (appError.code === 'body_too_large' && announcedBytes <= discardedBytesMax) {
      reply.removeHeader('connection');
    }
    sendProblem(appError, request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    sendProblem(
      new AppError('route_not_found', { detail: 'Look at /docs for the routes that exist.' }),
      request,
      reply,
    );
  });
}

/** Answers what Fastify refuses before any route and hook: an address that cannot be decoded, or has too long a part. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.header('x-request-id', request.id);
  sendProblem(toAppError(error), request, reply);
}

const httpFaults: Readonly<Record<string, [ProblemCode, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'Send fewer or shorter header fields.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'Send the whole request without long breaks.'],
};

/** Answers what is not HTTP, or not in time, before any route sees it. */
export function answerBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  // Clients connect ahead of their requests. An answer to nothing would be taken for that to the next request, which may
  // just be on its way: they send it again over a new connection when this one is closed.
  if (socket.bytesRead === 0) return void socket.destroy();
  const [code, detail] = httpFaults[error.code ?? ''] ?? ['bad_http', 'The request is not valid HTTP/1.1.'];
  const appError = new AppError(code, { detail });
  const body = JSON.stringify(toProblem(appError, 'none'));
  socket.end(
    `HTTP/1.1 ${appError.status} ${problems[code].title}\r\n` +
      'Content-Type: application/problem+json; charset=utf-8\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
