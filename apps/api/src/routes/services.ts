import type { RunQueue } from '@holdfast/shared/queue.ts';
import type { RunLogReader, RunLogWriter } from '@holdfast/shared/run-log/run-log.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Hub } from '../hub/hub.ts';
import type { Connections } from '../sse/connection.ts';

/** What the routes use, opened by `main.ts`. */
export interface Services {
  readonly store: Store;
  readonly runLog: RunLogReader & RunLogWriter;
  readonly queue: RunQueue;
  /** Whether Redis can be used at this moment, as far as this process knows. */
  readonly isQueueReachable: () => boolean;
  readonly hub: Hub;
  readonly connections: Connections;
  /** Models that a message may name; the first is the default. */
  readonly models: readonly [string, ...string[]];
}

/** The application with zod schemas as the source of its request types. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;
