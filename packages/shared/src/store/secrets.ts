import type { Store } from './database.ts';

/** Secrets that all processes share and nobody has to invent: the first migration that needs one makes it. */
export type SecretName = 'tickets';

/** Returns a function that reads a secret once and remembers it; a failed read is tried again by the next call. */
export function createSecretReader(db: Store, name: SecretName): () => Promise<Buffer> {
  let known: Promise<Buffer> | null = null;
  return () => {
    known ??= db
      .selectFrom('secrets')
      .select('value')
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
      .then(({ value }) => value);
    known.catch(() => {
      known = null;
    });
    return known;
  };
}
