/** The kinds of faults, how often they come, how long they last, and what they befall. */

/** A kind of link; there is a proxy for each process on it. */
export const linkNames = [
  'client-api',
  'api-redis',
  'worker-redis',
  'worker-upstream',
  'api-postgres',
  'worker-postgres',
] as const;

export type LinkName = (typeof linkNames)[number];

export interface FaultType {
  /** How often it is in a deck. */
  readonly weight: number;
  /** The shortest and the longest time to its healing, in ms. */
  readonly forMs: readonly [min: number, max: number];
  /** The kind of link that it befalls; `any`: the plan says which. */
  readonly onLink?: LinkName | 'any';
  readonly needsAof?: true;
}

/** A blow: healed as soon as it was struck. What was killed is started again by its keeper. */
const atOnce = [0, 0] as const;
/** WORKER_LEASE_MS of the cluster is 2 s: shorter and longer than that. */
const aroundLease = [700, 5_000] as const;
const whileMs = [500, 3_500] as const;

export const faultTypes = {
  'kill-api': { weight: 2, forMs: atOnce },
  'kill-worker': { weight: 3, forMs: atOnce },
  'freeze-api': { weight: 2, forMs: whileMs },
  'freeze-worker': { weight: 3, forMs: aroundLease },
  'term-api': { weight: 2, forMs: atOnce },
  'term-worker': { weight: 2, forMs: atOnce },
  'cut-client-api': { weight: 2, forMs: whileMs, onLink: 'client-api' },
  'cut-api-redis': { weight: 2, forMs: whileMs, onLink: 'api-redis' },
  'cut-worker-redis': { weight: 2, forMs: whileMs, onLink: 'worker-redis' },
  'cut-worker-upstream': { weight: 2, forMs: whileMs, onLink: 'worker-upstream' },
  'cut-api-postgres': { weight: 2, forMs: whileMs, onLink: 'api-postgres' },
  'cut-worker-postgres': { weight: 2, forMs: whileMs, onLink: 'worker-postgres' },
  'delay-link': { weight: 2, forMs: whileMs, onLink: 'any' },
  // Struck as soon as there is a connection.
  'half-close-link': { weight: 2, forMs: whileMs, onLink: 'any' },
  'stall-link': { weight: 3, forMs: aroundLease, onLink: 'any' },
  'pause-link': { weight: 2, forMs: whileMs, onLink: 'any' },
  'slice-link': { weight: 2, forMs: whileMs, onLink: 'any' },
  'refuse-link': { weight: 2, forMs: whileMs, onLink: 'any' },
  'kill-redis': { weight: 2, forMs: [0, 2_000] },
  'freeze-redis': { weight: 2, forMs: whileMs },
  'flush-redis': { weight: 2, forMs: atOnce },
  'truncate-redis': { weight: 2, forMs: [0, 500], needsAof: true },
  'restart-postgres': { weight: 1, forMs: [0, 500] },
  'kill-postgres': { weight: 1, forMs: [0, 1_000] },
  'upstream-429': { weight: 1, forMs: [1_000, 3_000] },
  'upstream-500': { weight: 1, forMs: [1_000, 3_000] },
  'upstream-stall': { weight: 1, forMs: [500, 2_000] },
  'upstream-cut': { weight: 1, forMs: [1_000, 3_000] },
  'upstream-slow': { weight: 1, forMs: [1_000, 3_000] },
  'never-read': { weight: 2, forMs: [3_000, 10_000] },
  'strange-cursors': { weight: 3, forMs: atOnce },
  'cancel-burst': { weight: 3, forMs: atOnce },
  'repeat-post': { weight: 3, forMs: atOnce },
} as const satisfies Record<string, FaultType>;

export type FaultKind = keyof typeof faultTypes;
