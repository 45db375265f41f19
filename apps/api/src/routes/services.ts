import type { Dispatcher } from '@holdfast/shared/dispatcher.ts';
import type { RunLogReader, RunLogWriter } from '@holdfast/shared/run-log/run-log.ts';
import type { AllowanceSettings } from '@holdfast/shared/store/allowance.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { FeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { Hub } from '../hub/hub.ts';
import type { AccessWatch } from '../plugins/access-watch.ts';
import type { Accounts } from '../plugins/accounts.ts';
import type { EventConnectionLimit } from '../plugins/event-connection-limit.ts';
import type { Positions } from '../queue/positions.ts';
import type { UserGate } from '../queue/user-gate.ts';
import type { Connections } from '../sse/connection.ts';

/** What the routes use, opened by `main.ts`. */
export interface Services {
  readonly store: Store;
  readonly runLog: RunLogReader & RunLogWriter;
  readonly dispatcher: Dispatcher;
  /** Whether Redis can be used at this moment, as far as this process knows. */
  readonly isQueueReachable: () => boolean;
  readonly hub: Hub;
  readonly feedHub: FeedHub;
  readonly feedBell: FeedBell;
  readonly positions: Positions;
  readonly userGate: UserGate;
  readonly connections: Connections;
  readonly accounts: Accounts;
  readonly accessWatch: AccessWatch;
  /** Where people reach this server, for links that they pass on; null: where the request has reached it. */
  readonly publicUrl: string | null;
  readonly eventConnectionLimit: EventConnectionLimit;
  readonly allowance: AllowanceSettings;
  /** Runs of one user that may wait, for users for whom nothing else is set. */
  readonly waitingRunsMax: number;
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
