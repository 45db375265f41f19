/**
 * What one user does for a while: a random walk through everything that Holdfast offers, decided by a seed. Whatever is
 * refused is part of it; whether the answers were right is for check.ts to say.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { askSomething, editSomething, regenerateSomething, selectBranch, stopSomething } from './asking.ts';
import { lookAround, pry, readSomething, search } from './looking.ts';
import { createConversation, deleteSomething, dismissOrLeave, share } from './sharing.ts';
import type { Crowd, Walker } from './walker.ts';

/** Between two actions of a user, in ms: busier than people are, and little enough for two cores. */
const pauseMsMin = 200;
const pauseMsMax = 1_600;

type Action = (crowd: Crowd, walker: Walker) => Promise<unknown>;

const actions: readonly (readonly [weight: number, action: Action])[] = [
  [30, askSomething],
  [8, stopSomething],
  [6, editSomething],
  [6, regenerateSomething],
  [5, selectBranch],
  [6, share],
  [2, dismissOrLeave],
  [16, readSomething],
  [8, lookAround],
  [3, search],
  [6, pry],
  [3, createConversation],
  [1, deleteSomething],
];

function choose(walker: Walker, from: readonly (readonly [number, Action])[]): Action {
  let left = walker.random() * from.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, action] of from) {
    left -= weight;
    if (left < 0) return action;
  }
  return askSomething;
}

/** Walks until the time is over. What it reads may go on; `reading` tells. */
export async function walk(crowd: Crowd, walker: Walker, isOver: () => boolean): Promise<void> {
  await createConversation(crowd, walker);
  while (!isOver()) {
    await choose(walker, actions)(crowd, walker);
    await sleep(pauseMsMin + walker.random() * (pauseMsMax - pauseMsMin));
  }
}
