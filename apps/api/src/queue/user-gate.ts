/**
 * What one user sends at the same time is stored one after the other anyway (their places in the queue, their feed). This
 * lets most of it wait here instead of on a Postgres connection: somebody who sends hundreds of messages at once would
 * otherwise hold all connections of the process, and everybody else be refused.
 */
import { AppError } from '@holdfast/shared/errors.ts';
import { createGate, type Gate } from '../hub/gate.ts';

/** Statements of one user that wait for each other in Postgres: enough that one is always there when another is done. */
const tasksMax = 2;

/** Requests of one user that wait here. The rate limit keeps them far below; this bounds the memory where there is none. */
const waitingMax = 1_000;

/** Runs `task` when few others of this user run. Rejects with what it rejects with, or `overloaded`. */
export type UserGate = <T>(userId: string, task: () => Promise<T>) => Promise<T>;

export function createUserGate(): UserGate {
  const users = new Map<string, { readonly gate: Gate; tasks: number }>();

  return async (userId, task) => {
    const user = users.get(userId) ?? { gate: createGate(tasksMax), tasks: 0 };
    if (user.tasks >= tasksMax + waitingMax) {
      throw new AppError('overloaded', {
        detail: 'Too many of your requests are under way at once. Wait for some to be answered.',
        retryAfterSeconds: 1,
      });
    }
    users.set(userId, user);
    user.tasks += 1;
    try {
      return await user.gate(task);
    } finally {
      user.tasks -= 1;
      if (user.tasks === 0) users.delete(userId);
    }
  };
}
