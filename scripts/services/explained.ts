/**
 * A failure that the world can cause and the reader can repair. Its message is one whole sentence that says what
 * to do, so whoever catches it prints the message alone; a stack trace is kept for faults of our own.
 */
export class Explained extends Error {
  override readonly name = 'Explained';
}

/** The message of an expected failure, the whole stack of an unexpected one. */
export function tell(error: unknown): string {
  if (error instanceof Explained) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
