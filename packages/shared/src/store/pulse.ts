/**
 * Tells a Postgres that hangs from a query that takes its time: a connection of its own asks for nothing, twice a second.
 * When that is not answered for two seconds, nothing will be, and whoever waits for an answer is told so instead of after
 * the limit of a single query.
 */
import pg from 'pg';

const pingEveryMs = 500;

/**
 * Counted in looks, not in time: a process that was frozen itself wakes up late, with the answer unread, and must not take
 * that for silence.
 */
const silentLooksMax = 4;

export interface PulseOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Called at each look while Postgres is silent. */
  readonly onSilence: () => void;
}

/** Watches until the returned function is called. */
export function watchPulse({ url, applicationName, onSilence }: PulseOptions): () => void {
  let client: pg.Client | null = null;
  let asking = false;
  /** Looks since the last answer. */
  let silentLooks = 0;

  function drop(): void {
    const dropped = client;
    client = null;
    if (dropped) destroySocket(dropped);
  }

  async function connect(): Promise<pg.Client> {
    const made = new pg.Client({ connectionString: url, application_name: `${applicationName}-pulse` });
    client = made;
    // Whatever breaks is noticed by the question that is not answered.
    made.on('error', () => {});
    await made.connect();
    return made;
  }

  async function ask(): Promise<void> {
    asking = true;
    try {
      await (client ?? (await connect())).query('select 1');
      silentLooks = 0;
    } catch (error) {
      drop();
      // Being refused (no connection free, shutting down, nobody there) is an answer: queries get theirs as fast.
      if (typeof (error as { code?: unknown }).code === 'string') silentLooks = 0;
    } finally {
      asking = false;
    }
  }

  const timer = setInterval(() => {
    silentLooks += 1;
    if (silentLooks >= silentLooksMax) {
      // The old connection may have been lost on the way, and with it the answer.
      drop();
      onSilence();
    }
    if (!asking) void ask();
  }, pingEveryMs);
  timer.unref();

  return () => {
    clearInterval(timer);
    drop();
  };
}

/** Ends a connection without the farewell that a server which hangs would never read. Its queries are rejected. */
export function destroySocket(client: pg.ClientBase): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}
