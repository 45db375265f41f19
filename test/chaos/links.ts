/** The network of the cluster: a proxy for each process on each kind of link, so that each can be cut off by itself. */
import { type ChaosProxy, startChaosProxy, type Target } from '../support/chaos-proxy.ts';
import { type LinkName, linkNames } from './fault-types.ts';

export type Links = Readonly<Record<LinkName, readonly ChaosProxy[]>>;

export interface LinkTargets {
  readonly apis: number;
  readonly workers: number;
  readonly redis: Target;
  readonly postgres: Target;
  readonly upstream: Target;
}

/** Nobody listens there: where an API process will be reached is known once it is up. */
const nowhere: Target = { host: '127.0.0.1', port: 9 };

/** Starts all proxies. */
export async function startLinks({ apis, workers, redis, postgres, upstream }: LinkTargets): Promise<Links> {
  const many = (count: number, target: Target) =>
    Promise.all(Array.from({ length: count }, () => startChaosProxy({ target })));
  return {
    'client-api': await many(apis, nowhere),
    'api-redis': await many(apis, redis),
    'worker-redis': await many(workers, redis),
    'worker-upstream': await many(workers, upstream),
    'api-postgres': await many(apis, postgres),
    'worker-postgres': await many(workers, postgres),
  };
}

/** Makes one link whole again, whatever was done to it. */
export async function heal(proxy: ChaosProxy): Promise<void> {
  proxy.latency(0);
  proxy.slice(Infinity);
  proxy.cutAfter(null);
  proxy.resume('request');
  proxy.resume('reply');
  await proxy.pass();
}

export const allOf = (links: Links): ChaosProxy[] => linkNames.flatMap((name) => [...links[name]]);
