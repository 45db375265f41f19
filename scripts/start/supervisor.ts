/**
 * Keeps services running, and ends them in order.
 *
 * starting -> up -> (crashed -> starting again, after a pause) … -> stopped
 *
 * A first start that fails is the caller's to handle. A service that keeps crashing ends everything: its reason
 * is most likely in our configuration, and trying for ever would only hide it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Explained, tell } from '../services/explained.ts';
import { describe, type Service } from '../services/process.ts';

const crashesMax = 5;
const crashWindowMs = 30_000;
const firstPauseMs = 200;
const pauseMsMax = 3_000;
/** Of the log, shown when a service is given up. */
const logLinesShown = 8;

/** In the order in which they are stopped: nothing is stopped before what depends on it. */
const tiers = ['app', 'model', 'store'] as const;
export type Tier = (typeof tiers)[number];

export interface Supervisor {
  /** Starts a service, keeps it running from then on, and resolves when it is up for the first time. */
  keep<S extends Service>(name: string, tier: Tier, start: (signal: AbortSignal) => Promise<S>): Promise<S>;
  /** Fires when everything is to stop. */
  readonly signal: AbortSignal;
  /** Rejects when a service had to be given up. */
  readonly gaveUp: Promise<never>;
  /** Stops everything, apps first, stores last. */
  stop(): Promise<void>;
  /** Ends the apps without waiting for their work; the stores, which are quick, still end properly. */
  hurry(): void;
}

interface Kept {
  readonly tier: Tier;
  stop(): Promise<void>;
  kill(): void;
}

export function createSupervisor(say: (line: string) => void): Supervisor {
  const kept: Kept[] = [];
  const stopping = new AbortController();
  const gaveUp = Promise.withResolvers<never>();
  gaveUp.promise.catch(() => {}); // whoever waits for it sees it; before that it must not count as unhandled
  let hurried = false;

  const keep: Supervisor['keep'] = async (name, tier, start) => {
    if (stopping.signal.aborted) throw new Explained(`${name} was not started any more.`);
    const begin = () => start(stopping.signal);
    let starting = begin();
    const watch = async (first: Service) => {
      const crashes: number[] = [];
      for (let service: Service | undefined = first; ; ) {
        const reason = service === undefined ? 'could not be started' : await endOf(service);
        if (stopping.signal.aborted) return;
        crashes.push(Date.now());
        const recent = crashes.filter((time) => time > Date.now() - crashWindowMs).length;
        if (recent >= crashesMax) {
          const lines = service?.lastLines(logLinesShown) ?? [];
          const crashed = `${name} crashed ${recent} times within ${crashWindowMs / 1000} s; its log ends with:`;
          gaveUp.reject(new Explained([crashed, ...lines.map((line) => `  ${line}`)].join('\n')));
          return;
        }
        say(`${name} ${reason}; starting it again.`);
        await sleep(Math.min(firstPauseMs * 2 ** (recent - 1), pauseMsMax));
        if (stopping.signal.aborted) return;
        starting = begin();
        service = await starting.catch((error: unknown) => {
          if (!stopping.signal.aborted) say(tell(error));
          return undefined;
        });
      }
    };
    const current = () => starting.catch(() => undefined);
    kept.push({
      tier,
      stop: async () => await (await current())?.stop(),
      kill: () => void current().then((service) => service?.kill()),
    });
    const first = await starting;
    void watch(first).catch(gaveUp.reject);
    return first;
  };

  const stop = async () => {
    stopping.abort(); // so that nothing is started again, or for the first time
    for (const tier of tiers) {
      const ofTier = kept.filter((service) => service.tier === tier);
      const stopped = Promise.all(ofTier.map((service) => service.stop()));
      if (hurried && tier !== 'store') for (const service of ofTier) service.kill();
      await stopped;
    }
  };
  const hurry = () => {
    hurried = true;
    for (const service of kept) if (service.tier !== 'store') service.kill();
  };
  return { keep, signal: stopping.signal, gaveUp: gaveUp.promise, stop, hurry };
}

async function endOf(service: Service): Promise<string> {
  return `ended unexpectedly (${describe(await service.exited)})`;
}
