/** The fault plan: everything that goes wrong in a run, drawn from one seed before the run begins. */
import { seededRandom } from '../support/seeded-random.ts';
import { type FaultKind, type FaultType, faultTypes, type LinkName, linkNames } from './fault-types.ts';

/** One thing that goes wrong, and is mended after `forMs`. */
export interface Fault {
  /** After the beginning of the load. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** Which of them: taken modulo how many there are. */
  readonly target: number;
  readonly forMs: number;
  /** The link, for faults of links. */
  readonly link?: LinkName;
  /** How strong, from 0 to 1; each kind makes its own number of it. */
  readonly strength: number;
}

export interface PlanOptions {
  readonly seed: number;
  /** In which faults begin. */
  readonly windowMs: number;
  /** False: kinds that need an append-only file are left out. */
  readonly hasAof: boolean;
}

/** From the beginning to the first fault: something has to be under way. */
const calmMs = 1_000;
/** From one fault to the next, at most and at least: they last longer, so that several overlap. */
const gapMsMin = 800;
const gapMsMax = 2_400;

/** The same list for the same options, ordered by time. */
export function createPlan({ seed, windowMs, hasAof }: PlanOptions): Fault[] {
  // Neighbouring seeds would begin with the same choices.
  const random = seededRandom(Math.imul(seed + 1, 0x9e37_79b1));
  for (let warm = 0; warm < 8; warm += 1) random();
  const kinds = Object.keys(faultTypes) as FaultKind[];
  const typeOf = (kind: FaultKind): FaultType => faultTypes[kind];
  const possible = kinds.filter((kind) => hasAof || !typeOf(kind).needsAof);
  // Each kind once before any comes again, then by weight: pure chance would leave some out for minutes.
  const nextKind = dealer(random, possible, (kind) => typeOf(kind).weight);
  const nextLink = dealer(random, linkNames, () => 1);
  const plan: Fault[] = [];
  for (let atMs = calmMs; atMs < windowMs; atMs += between(random, gapMsMin, gapMsMax)) {
    const kind = nextKind();
    const { forMs, onLink } = typeOf(kind);
    plan.push({
      atMs: Math.round(atMs),
      kind,
      target: Math.floor(random() * 1_000),
      forMs: Math.round(between(random, ...forMs)),
      ...(onLink ? { link: onLink === 'any' ? nextLink() : onLink } : {}),
      strength: Math.round(random() * 1_000) / 1_000,
    });
  }
  return plan;
}

/** Deals a shuffled deck, then the next one: the first has each card once, later ones as often as it weighs. */
function dealer<T>(random: () => number, cards: readonly T[], weight: (card: T) => number): () => T {
  let deck: T[] = [];
  let isFirst = true;
  return () => {
    if (deck.length === 0) {
      const next = cards.flatMap((card) => Array.from({ length: isFirst ? 1 : weight(card) }, () => card));
      deck = shuffle(random, next);
      isFirst = false;
    }
    const card = deck.pop();
    if (card === undefined) throw new Error('a deck has at least one card');
    return card;
  };
}

function shuffle<T>(random: () => number, list: readonly T[]): T[] {
  return list
    .map((each) => ({ each, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each);
}

const between = (random: () => number, min: number, max: number): number => min + random() * (max - min);

/** A fault in one line. */
export function tellFault({ atMs, kind, target, forMs, link, strength }: Fault): string {
  const on = link === undefined ? '' : ` of ${link}`;
  return `${(atMs / 1_000).toFixed(1).padStart(6)} s  ${kind}${on}, target ${target}, ${forMs} ms, strength ${strength}`;
}
