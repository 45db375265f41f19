/** Does what the plan says, and counts what really happened. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Crowd } from '../support/many-users/walker.ts';
import type { Cluster } from './cluster.ts';
import type { Keeper } from './keeper.ts';
import { strikeLink } from './link-faults.ts';
import { cancelBurst, comeWithStrangeCursors, neverRead, repeatPost } from './people.ts';
import type { Fault } from './plan.ts';
import type { UpstreamFault, Weather } from './weather.ts';

/** Longest wait for a process that is to be hit: it may just be starting again. */
const upMsMax = 8_000;

export interface Stage {
  readonly cluster: Cluster;
  readonly crowd: Crowd;
  readonly weather: Weather;
}

/** One after the other for each thing that can be hit: two faults of one Redis would heal each other. */
export function createInjector(stage: Stage) {
  const queues = new Map<string, Promise<unknown>>();
  /**
   * Resolves when the fault is healed, with how many processes, connections or clients it has hit. Rejects when what
   * it needs does not come back: then the harness is broken, or the product.
   */
  return (fault: Fault): Promise<number> => {
    const subject = subjectOf(fault, stage.cluster);
    const before = queues.get(subject) ?? Promise.resolve();
    const done = before.then(() => strike(fault, stage));
    queues.set(
      subject,
      done.catch(() => {}),
    );
    return done;
  };
}

function subjectOf({ kind, target, link }: Fault, { apis, workers, links }: Cluster): string {
  if (link !== undefined) return `${link} ${target % links[link].length}`;
  if (kind.endsWith('-api')) return `api ${target % apis.length}`;
  if (kind.endsWith('-worker')) return `worker ${target % workers.length}`;
  if (kind.endsWith('-redis')) return 'redis';
  if (kind.endsWith('-postgres')) return 'postgres';
  return `${kind} ${target}`;
}

async function strike(fault: Fault, { cluster, crowd, weather }: Stage): Promise<number> {
  const { kind, target, forMs, strength } = fault;
  const { stores } = cluster;
  const keepers = kind.endsWith('-api') ? cluster.apis : cluster.workers;
  const keeper = keepers[target % keepers.length];
  switch (kind) {
    case 'kill-api':
    case 'kill-worker':
      return hit(keeper, 'SIGKILL');
    case 'term-api':
    case 'term-worker':
      return hit(keeper, 'SIGTERM');
    case 'freeze-api':
    case 'freeze-worker':
      return freeze((await keeper?.up(upMsMax))?.pid, forMs);
    case 'kill-redis':
      await stores.killRedis(forMs);
      return 1;
    case 'truncate-redis': {
      let bytes = 0;
      await stores.killRedis(forMs, () => {
        bytes = stores.truncate(strength);
      });
      return bytes > 0 ? 1 : 0;
    }
    case 'freeze-redis':
      return freeze(stores.redis().pid, forMs);
    case 'flush-redis':
      await stores.flushRedis();
      return 1;
    case 'restart-postgres':
    case 'kill-postgres':
      await stores.restartPostgres(forMs, kind === 'kill-postgres');
      return 1;
    case 'upstream-429':
    case 'upstream-500':
    case 'upstream-stall':
    case 'upstream-cut':
    case 'upstream-slow': {
      const trouble = kind.slice('upstream-'.length) as UpstreamFault;
      weather.begin(trouble);
      await sleep(forMs);
      weather.end(trouble);
      return 1;
    }
    case 'never-read':
      return neverRead(crowd, target, forMs);
    case 'strange-cursors':
      return comeWithStrangeCursors(crowd, target);
    case 'cancel-burst':
      return cancelBurst(crowd, target, strength);
    case 'repeat-post':
      return repeatPost(crowd, target);
    case 'cut-client-api':
    case 'cut-api-redis':
    case 'cut-worker-redis':
    case 'cut-worker-upstream':
    case 'cut-api-postgres':
    case 'cut-worker-postgres':
    case 'delay-link':
    case 'half-close-link':
    case 'stall-link':
    case 'pause-link':
    case 'slice-link':
    case 'refuse-link': {
      const proxies = cluster.links[fault.link ?? 'client-api'];
      const proxy = proxies[target % proxies.length];
      return proxy ? strikeLink(kind, fault, proxy) : 0;
    }
  }
}

async function hit(keeper: Keeper | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
  const child = await keeper?.up(upMsMax);
  if (!keeper || !child) return 0;
  keeper.expectEnd(child);
  return send(child.pid, signal) ? 1 : 0;
}

async function freeze(pid: number | undefined, forMs: number): Promise<number> {
  if (pid === undefined || !send(pid, 'SIGSTOP')) return 0;
  await sleep(forMs);
  send(pid, 'SIGCONT');
  return 1;
}

/** False: it had ended before. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
