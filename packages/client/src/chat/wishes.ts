/** What somebody wants of a message that is there: another answer, another version. */

import { isUndecided } from '../errors.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';
import type { ChatProblem } from './chat-types.ts';
import { toProblem } from './problems.ts';

export interface Wishes {
  /** By message: why the last wish about it was not granted. */
  readonly problems: ReadonlyMap<string, ChatProblem>;
  /** A wish is under way. */
  readonly isBusy: boolean;
  /** Does `work` for a wish about a message. Resolves to whether it was granted. `wish` names what exactly is wanted. */
  grant(
    messageId: string,
    wish: string,
    work: (idempotencyKey: string, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean>;
  forget(): void;
}

export function createWishes(signal: () => AbortSignal, onChange: () => void): Wishes {
  /** By wish: one key until it is decided. A second click after a lost answer must not make a second run. */
  const keys = new Map<string, string>();
  const problems = new Map<string, ChatProblem>();
  let underWay = 0;

  return {
    problems,
    get isBusy() {
      return underWay > 0;
    },
    async grant(messageId, wish, work) {
      const current = signal();
      const name = `${messageId} ${wish}`;
      const key = keys.get(name) ?? newIdempotencyKey();
      keys.set(name, key);
      problems.delete(messageId);
      underWay += 1;
      onChange();
      try {
        await work(key, current);
        keys.delete(name);
        return true;
      } catch (error) {
        if (!isUndecided(error)) keys.delete(name);
        if (!current.aborted) problems.set(messageId, toProblem(error));
        return false;
      } finally {
        underWay -= 1;
        onChange();
      }
    },
    forget() {
      keys.clear();
      problems.clear();
    },
  };
}
