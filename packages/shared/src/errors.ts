import { type ProblemCode, problems } from './protocol/error-code.ts';

export interface AppErrorOptions {
  /** What was wrong and what to do, in one sentence for the person who reads the reply. Never a secret. */
  readonly detail: string;
  /** Faults of single fields, each with its path in the request. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  /** Seconds until the same request may succeed; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** The one error that a request may end with on purpose; its code decides status and title of the reply. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly errors: AppErrorOptions['errors'];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ProblemCode, options: AppErrorOptions) {
    super(options.detail, { cause: options.cause });
    this.code = code;
    this.status = problems[code].status;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** What can be asked for by id. */
export type NotFoundKind = ProblemCode extends infer C
  ? C extends `${infer K}_not_found`
    ? K
    : never
  : never;

/** Somebody else's thing and a thing that does not exist get the same answer: existence is not told. */
export function notFound(what: NotFoundKind): AppError {
  return new AppError(`${what}_not_found`, {
    detail: `There is no ${what.replaceAll('_', ' ')} with this id that you can see.`,
  });
}
