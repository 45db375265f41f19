/**
 * Look-ups that many requests make at the same time, asked together. What one turn of the event loop asks for leaves as
 * one query, and so does what comes while queries are under way. In a reconnect storm, 5,000 readers times three
 * look-ups would wait for the pool's few connections until they are refused, and an EventSource that is refused never
 * comes back.
 *
 * Each look-up is part of a query that began after it was asked for, so it sees all that was committed before.
 */

/** Queries of one kind under way: the rest of the pool is for others. */
const queriesMax = 2;

/** Keys in one query. */
const keysMax = 250;

interface Asked<K, V> {
  readonly key: K;
  readonly waiting: PromiseWithResolvers<V | undefined>[];
}

/**
 * `load` gets different keys and returns what it finds by their names; `nameOf` makes a key's name. The returned function
 * rejects with the error of the query that its key was part of.
 */
export function createBatchedLookUp<K, V>(
  nameOf: (key: K) => string,
  load: (keys: readonly K[]) => Promise<ReadonlyMap<string, V>>,
): (key: K) => Promise<V | undefined> {
  const asked = new Map<string, Asked<K, V>>();
  let queries = 0;
  let starting = false;

  function startSoon(): void {
    if (starting) return;
    starting = true;
    setImmediate(() => {
      starting = false;
      start();
    });
  }

  function start(): void {
    while (queries < queriesMax && asked.size > 0) {
      const batch = [...asked].slice(0, keysMax);
      for (const [name] of batch) asked.delete(name);
      queries += 1;
      void run(batch).finally(() => {
        queries -= 1;
        if (asked.size > 0) startSoon();
      });
    }
  }

  async function run(batch: readonly (readonly [string, Asked<K, V>])[]): Promise<void> {
    try {
      const found = await load(batch.map(([, { key }]) => key));
      for (const [name, { waiting }] of batch) for (const one of waiting) one.resolve(found.get(name));
    } catch (error) {
      for (const [, { waiting }] of batch) for (const one of waiting) one.reject(error);
    }
  }

  return (key) => {
    const name = nameOf(key);
    const one = Promise.withResolvers<V | undefined>();
    const known = asked.get(name);
    if (known) known.waiting.push(one);
    else asked.set(name, { key, waiting: [one] });
    startSoon();
    return one.promise;
  };
}
