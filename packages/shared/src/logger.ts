import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/**
 * Fields that never reach the log, wherever they stand: credentials, and what people wrote. URLs are logged without
 * their query by those who log them.
 */
const secretPaths = [
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  '*.apiKey',
  '*.password',
  '*.databaseUrl',
  '*.redisUrl',
];

/** Errors carry URLs and, from the provider, parts of requests; only what helps to find the fault is kept. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: withoutSecrets(String(error)) };
  const { code, status } = error as { code?: unknown; status?: unknown };
  return {
    type: error.name,
    message: withoutSecrets(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    ...(error.stack ? { stack: withoutSecrets(error.stack) } : {}),
    ...(error.cause ? { cause: describeError(error.cause) } : {}),
  };
}

/** API keys as providers print them back, and passwords inside URLs. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(sk|key|pk)-[\w*.-]{6,}/gi, '$1-[redacted]')
    .replace(/\/\/([^/\s:@]*):[^@\s/]*@/g, '//$1:[redacted]@')
    .replace(/\b(Bearer)\s+\S+/gi, '$1 [redacted]');
}

/** A logger that writes one line of JSON per record to standard output. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: { paths: secretPaths, censor: '[redacted]' },
    serializers: { err: describeError, error: describeError },
  });
}
