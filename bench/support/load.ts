/** Loads a fan-out: at one rate for its CPU and latency, or at rising rates for the highest that it sustains. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientStats, FanOut } from './fan-out.ts';

/** Requests on their way while readers are being opened, so that no side is measured in a storm unless that is the figure. */
const openingAtOnceMax = 32;

/** A rate is sustained when this part of it arrives… */
const deliveredPartMin = 0.97;
/** … and 99 of 100 within this. */
const sustainedP99MsMax = 50;

const rateGrowth = 1.25;

export interface Load {
  readonly eventsPerSecond: number;
  /** Of all processes but the client, and by process. */
  readonly cpuUs: number;
  readonly cpuUsOf: Readonly<Record<string, number>>;
  readonly bytesPerEvent: number;
  readonly p50: number;
  readonly p99: number;
}

export async function openReaders(fanOut: FanOut, readersPerAnswer: number): Promise<void> {
  await fanOut.client.call('open', { readersPerAnswer, atOnceMax: openingAtOnceMax });
}

/** Throws when an event was lost, repeated or out of order: such a side has no figures. */
export async function stats(fanOut: FanOut): Promise<ClientStats> {
  const found = await fanOut.client.call<ClientStats>('stats');
  if (found.disorders > 0) throw new Error(`${found.disorders} events were lost or out of order`);
  return found;
}

/** `eventsPerSecond` is the rate of appends; each is delivered to all readers of its answer. */
export async function loadAt(
  fanOut: FanOut,
  eventsPerSecond: number,
  seconds: number,
  during: () => Promise<unknown> = async () => {},
): Promise<Load> {
  await fanOut.producer.call('rate', eventsPerSecond);
  await sleep(Math.min(1_000, seconds * 500));
  await fanOut.client.call('reset');
  const cpuBefore = fanOut.cpuMs();
  const startedAt = performance.now();
  await Promise.all([sleep(seconds * 1_000), during()]);
  const found = await stats(fanOut);
  const elapsedMs = performance.now() - startedAt;
  const cpuUsOf = Object.fromEntries(
    Object.entries(fanOut.cpuMs()).map(([name, ms]) => [
      name,
      ((ms - (cpuBefore[name] ?? 0)) * 1_000) / Math.max(1, found.events),
    ]),
  );
  return {
    eventsPerSecond: (found.events / elapsedMs) * 1_000,
    cpuUs: Object.values(cpuUsOf).reduce((sum, us) => sum + us, 0),
    cpuUsOf,
    bytesPerEvent: found.bytes / Math.max(1, found.events),
    p50: found.p50,
    p99: found.p99,
  };
}

/** Raises the rate from `from` until it is not sustained twice, and returns the highest delivered one that was. */
export async function highestRate(fanOut: FanOut, from: number, seconds: number): Promise<number> {
  let best = 0;
  let misses = 0;
  for (let rate = from; misses < 2 && rate < 1_000_000; rate *= misses > 0 ? 1 : rateGrowth) {
    const load = await loadAt(fanOut, rate, seconds);
    const sustained = load.eventsPerSecond >= rate * deliveredPartMin && load.p99 <= sustainedP99MsMax;
    if (sustained) {
      best = load.eventsPerSecond;
      misses = 0;
    } else {
      misses += 1;
      // What is still on its way must not count for the second try.
      await fanOut.producer.call('rate', 0);
      await sleep(500);
    }
  }
  await fanOut.producer.call('rate', 0);
  return best;
}
