/** How the provider is doing: while it has a fault, the questions that are asked get answers that go wrong first. */
import { randomUUID } from 'node:crypto';
import type { Directive } from '../../packages/stand-in/src/directive.ts';

export type UpstreamFault = '429' | '500' | 'stall' | 'cut' | 'slow';

export interface Weather {
  readonly begin: (fault: UpstreamFault) => void;
  readonly end: (fault: UpstreamFault) => void;
  /** What becomes of a question that is asked now. */
  readonly directive: (random: () => number) => Directive;
}

/** Each is over after so many requests of the run: the provider's trouble has an end, and the answer can be whole. */
const timesMax = 2;

const directives: Record<UpstreamFault, (random: () => number) => Directive> = {
  429: () => ({ status: 429, retryAfter: 1 }),
  500: (random) => ({ status: random() < 0.5 ? 500 : 503 }),
  stall: (random) => ({ fault: 'stall', atDelta: Math.floor(random() * 15) }),
  cut: (random) => ({ fault: random() < 0.7 ? 'cut' : 'errorFrame', atDelta: Math.floor(random() * 15) }),
  slow: () => ({ firstDelayMs: 1_500, deltas: 30, intervalMs: 80 }),
};

export function createWeather(): Weather {
  const now: UpstreamFault[] = [];
  return {
    begin: (fault) => void now.push(fault),
    end: (fault) => void now.splice(now.indexOf(fault), 1),
    directive(random) {
      const fault = now.at(-1);
      if (fault === undefined) return {};
      const times = 1 + Math.floor(random() * timesMax);
      return { ...directives[fault](random), times, key: randomUUID() };
    },
  };
}
