import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** Fields that never reach the log, at the top of a record and one level below. URLs are logged without their query. */
const secretFields = ['apiKey', 'password', 'databaseUrl', 'redisUrl'];
const secretPaths = [
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
  ...secretFields.flatMap((field) => [field, `*.${field}`]),
];

/** What is kept of one error: an error may carry a whole reply, and may be its own cause. */
const messageCharsMax = 2_000;
const stackCharsMax = 8_000;
const causesMax = 5;

/** Errors carry URLs and, from the provider, parts of requests; only what helps to find the fault is kept. */
function describeError(error: unknown, causes = 0): object {
  if (!(error instanceof Error)) return { message: String(error).slice(0, messageCharsMax) };
  const { code, status } = error as { code?: unknown; status?: unknown };
  return {
    type: error.name,
    message: error.message.slice(0, messageCharsMax),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof status === 'number' ? { status } : {}),
    // V8 puts the message before the frames; a long one is cut here, too.
    ...(error.stack ? { stack: error.stack.slice(0, stackCharsMax) } : {}),
    ...(error.cause && causes < causesMax ? { cause: describeError(error.cause, causes + 1) } : {}),
  };
}

/** API keys as providers print them back, and passwords inside URLs. A line of JSON stays one. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\b(sk|key|pk)-[\w*.-]{6,}/gi, '$1-[redacted]')
    .replace(/(api[ _-]?key[^:="\n]{0,20}[:=]\s*)[^\s"\\]+/gi, '$1[redacted]')
    .replace(/\/\/([^/\s:@"\\]*):[^\s/"\\]*@/g, '//$1:[redacted]@')
    .replace(/\b(Bearer)\s+[^\s"\\]+/gi, '$1 [redacted]');
}

/** A logger that writes one line of JSON per record to standard output. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    redact: { paths: secretPaths, censor: '[redacted]' },
    serializers: { err: (error) => describeError(error), error: (error) => describeError(error) },
    // Every line, not only what we know to be an error: libraries put an error's message into their own.
    hooks: { streamWrite: withoutSecrets },
  });
}
