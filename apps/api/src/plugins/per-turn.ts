/**
 * Calls of Redis that one turn of the event loop asks for, made as one. Each of 5,000 readers who come back in one moment
 * is counted for the address, for the user and for their connections: to send, run and answer as many scripts would cost
 * more than all that is asked besides.
 */

/** Items in one call: everybody else waits while Redis carries it out, and Lua hands on some thousand values at most. */
const itemsMax = 500;

/**
 * Hands what one turn asks for to `send`, which resolves with as many results in the same order. The returned function
 * rejects with the error of the call that its item was part of.
 */
export function perTurn<T, R>(send: (items: readonly T[]) => Promise<readonly R[]>): (item: T) => Promise<R> {
  let asked: T[] = [];
  let waiting: PromiseWithResolvers<R>[] = [];

  async function sendPart(items: readonly T[], waiters: readonly PromiseWithResolvers<R>[]): Promise<void> {
    try {
      const results = await send(items);
      waiters.forEach((one, place) => {
        one.resolve(results[place] as R);
      });
    } catch (error) {
      for (const one of waiters) one.reject(error);
    }
  }

  function sendAll(): void {
    const items = asked;
    const waiters = waiting;
    asked = [];
    waiting = [];
    for (let at = 0; at < items.length; at += itemsMax) {
      void sendPart(items.slice(at, at + itemsMax), waiters.slice(at, at + itemsMax));
    }
  }

  return (item) => {
    const one = Promise.withResolvers<R>();
    waiting.push(one);
    if (asked.push(item) === 1) setImmediate(sendAll);
    return one.promise;
  };
}

interface Group<T> {
  readonly key: string;
  readonly items: T[];
  /** Where each of them was. */
  readonly places: number[];
}

/** Items by their key, in the order in which the keys came first. */
export function groupedByKey<T extends { readonly key: string }>(items: readonly T[]): readonly Group<T>[] {
  const groups = new Map<string, Group<T>>();
  items.forEach((item, place) => {
    const group = groups.get(item.key) ?? { key: item.key, items: [], places: [] };
    groups.set(item.key, group);
    group.items.push(item);
    group.places.push(place);
  });
  return [...groups.values()];
}
