import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { keepingPlans } from './kept-plans.ts';
import { destroySocket, watchPulse } from './pulse.ts';
import type { Database } from './schema.ts';

export type Store = Kysely<Database>;

/** A request that waits longer than this for Postgres is answered 503: people rather try again than wait. */
const connectMsMax = 2_000;
const queryMsMaxDefault = 5_000;

export interface DatabaseOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName: string;
  /** How long one query may take; 0: as long as it needs. */
  readonly queryMsMax?: number;
  /**
   * Whether somebody waits who is to be told soon that Postgres hangs: then its silence ends the queries under way after
   * two seconds, however long a single one may take. Costs one connection besides `connectionsMax`.
   */
  readonly watched?: boolean;
  /** A pooled connection that broke while idle; the pool replaces it. Without a handler the process would end. */
  readonly onIdleError: (error: Error) => void;
}

/** Opens a pool. Connections are made on first use, so this neither blocks nor fails. */
export function connectDatabase(options: DatabaseOptions): Store {
  const { queryMsMax = queryMsMaxDefault } = options;
  const clients = new Set<pg.Client>();
  const pool = new pg.Pool({
    Client: clientsKnownIn(clients),
    connectionString: options.url,
    max: options.connectionsMax,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectMsMax,
    statement_timeout: queryMsMax,
    // The server may hang as a whole; then its own timeout does not fire.
    query_timeout: queryMsMax === 0 ? 0 : queryMsMax + 500,
    idle_in_transaction_session_timeout: 2 * queryMsMaxDefault,
    keepAlive: true,
  });
  pool.on('error', options.onIdleError);
  // The pool listens to idle connections only. One that breaks under a query rejects that query, and throws besides: an
  // API or a worker would die of a Postgres that restarts.
  pool.on('connect', (client) => {
    client.on('error', () => {});
    giveUpWhenSilent(client);
  });
  if (options.watched) watch(pool, clients, options);
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
}

/** While Postgres is silent, neither a query waits for it nor a new connection. */
function watch(
  pool: pg.Pool,
  clients: ReadonlySet<pg.Client>,
  { url, applicationName }: DatabaseOptions,
): void {
  const stop = watchPulse({
    url,
    applicationName,
    onSilence: () => {
      for (const client of clients) destroySocket(client);
    },
  });
  const end = pool.end.bind(pool) as () => Promise<void>;
  pool.end = (async () => {
    stop();
    await end();
  }) as typeof pool.end;
}

/** Clients that are known from their first moment on: the pool tells only of those that have connected. */
function clientsKnownIn(clients: Set<pg.Client>) {
  return class extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super(config);
      clients.add(this);
      this.once('end', () => clients.delete(this));
    }
  };
}

/**
 * Gives a connection up when it owes a reply and the time is over. Behind a network that drops packets it is silent for
 * ever, and the pool would hand it out again and again until the kernel notices, a quarter of an hour later.
 */
function giveUpWhenSilent(client: pg.PoolClient): void {
  const query = keepingPlans(client.query.bind(client) as (...args: unknown[]) => unknown);
  const watchedQuery = (...args: unknown[]): unknown => {
    const result = query(...args);
    if (result instanceof Promise) {
      result.catch((error: unknown) => {
        // The pool drops a client whose socket is gone as soon as it is released.
        if (error instanceof Error && error.message === 'Query read timeout') destroySocket(client);
      });
    }
    return result;
  };
  client.query = watchedQuery as typeof client.query;
}

/** Runs queries that must all see the database as it is at one moment. `work` can only read. */
export function inSnapshot<T>(db: Store, work: (trx: Store) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
}

/** Rejects when Postgres does not answer. */
export async function pingDatabase(db: Store): Promise<void> {
  await sql`select 1`.execute(db);
}

/** SQLSTATE classes of a server that is not there: connection, resources, operator intervention, system error. */
const unavailableClasses = ['08', '53', '57', '58'];
const unavailableMessages =
  /timeout|Connection terminated|Connection ended|not queryable|Client has encountered/i;

/** Whether an error means that Postgres cannot serve now, so that the same query may succeed later. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') {
    return unavailableClasses.includes(code.slice(0, 2)) || /^E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_)/.test(code);
  }
  return unavailableMessages.test(error.message);
}
