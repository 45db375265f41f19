/** What a network does to its connections. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChaosProxy, randomBytes } from '../support/chaos-proxy.ts';
import type { FaultKind } from './fault-types.ts';
import type { Fault } from './plan.ts';

type LinkFaultKind = Extract<FaultKind, `cut-${string}` | `${string}-link`>;

/** Bytes after which connections are cut, at the most: within a command, an event, some events. */
const cutBytesMax = 4_000;
const delayMsMax = 250;
const sliceBytesMax = 40;

/** Breaks a link and mends it. Returns how many connections felt it. */
export async function strikeLink(
  kind: LinkFaultKind,
  { target, forMs, strength }: Fault,
  proxy: ChaosProxy,
): Promise<number> {
  const { live, accepted, broken } = proxy.counts();
  const felt = () => live + proxy.counts().accepted - accepted;
  switch (kind) {
    case 'delay-link':
      proxy.latency(5 + strength * delayMsMax);
      await sleep(forMs);
      proxy.latency(0);
      return felt();
    case 'half-close-link': {
      // There may be none at this moment: workers call the provider only while they answer.
      const deadline = performance.now() + forMs;
      while (proxy.counts().live === 0 && performance.now() < deadline) await sleep(20);
      const halved = proxy.counts().live;
      proxy.halfClose(strength < 0.5 ? 'client' : 'server');
      return halved;
    }
    case 'stall-link':
      await proxy.blackhole();
      await sleep(forMs);
      await proxy.pass();
      return felt();
    case 'pause-link': {
      const direction = strength < 0.5 ? 'request' : 'reply';
      proxy.pause(direction);
      await sleep(forMs);
      proxy.resume(direction);
      return felt();
    }
    case 'slice-link':
      proxy.slice(1 + Math.floor(strength * sliceBytesMax));
      await sleep(forMs);
      proxy.slice(Infinity);
      return felt();
    case 'refuse-link':
      await proxy.refuse();
      proxy.reset();
      await sleep(forMs);
      await proxy.pass();
      return live;
    case 'cut-client-api':
    case 'cut-api-redis':
    case 'cut-worker-redis':
    case 'cut-worker-upstream':
    case 'cut-api-postgres':
    case 'cut-worker-postgres': {
      // Whoever is connected goes now, whoever comes meanwhile at a byte of their own.
      proxy.reset();
      const how = strength < 0.5 ? 'reset' : 'fin';
      proxy.cutAfter(randomBytes({ seed: target, min: 0, max: cutBytesMax }), how);
      await sleep(forMs);
      proxy.cutAfter(null);
      return proxy.counts().broken - broken;
    }
  }
}
