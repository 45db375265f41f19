/** How a process begins and ends. */
import { type Logger, withoutSecrets } from './logger.ts';

/**
 * Runs one step of the start. When it throws, the process ends with one line on standard error that says what is wrong
 * and where to look: a stack trace helps nobody who mistyped a port. A step that returns text has found a fault.
 */
export async function orExit<T>(about: string, step: () => Promise<T>): Promise<T> {
  try {
    const result = await step();
    if (typeof result !== 'string') return result;
    exitWith(result);
  } catch (error) {
    const reason = withoutSecrets(reasonOf(error));
    exitWith(about ? `${about}: ${reason}` : reason);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/**
 * Calls `stop` on the first SIGTERM or SIGINT, or when the process that started this one is gone, and exits with 0 when
 * it is done. A second signal aborts `hurry`: somebody does not want to wait. A third one ends the process.
 */
export function onShutdown(logger: Logger, stop: (hurry: AbortSignal) => Promise<void>): void {
  const hurry = new AbortController();
  let signals = 0;

  async function shutDown(reason: string): Promise<void> {
    signals += 1;
    logger.info({ reason }, signals === 1 ? 'shuts down' : 'hurries up');
    if (signals === 2) hurry.abort();
    if (signals > 2) process.exit(1);
    if (signals > 1) return;
    try {
      await stop(hurry.signal);
      process.exit(0);
    } catch (error) {
      logger.error({ err: error }, 'the shutdown failed');
      process.exit(1);
    }
  }

  process.on('SIGTERM', (signal) => void shutDown(signal));
  process.on('SIGINT', (signal) => void shutDown(signal));
  // Only a process that was started with an IPC channel has this event.
  process.on('disconnect', () => void shutDown('its parent is gone'));
}
