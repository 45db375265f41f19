/**
 * Asks again, while a connection is open, whether its reader may still read: members are removed, links are revoked, and
 * accounts are disabled in the middle of an answer. All readers of a process are asked for together, so that 20,000 of them
 * cost a query for each 500 every few seconds.
 *
 * Postgres is asked instead of being told by whoever made the change: a message that is lost, or that comes before the
 * connection is open, would leave somebody reading.
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { type Membership, stillMembers } from '@holdfast/shared/store/members.ts';
import { stillLinked } from '@holdfast/shared/store/public-links.ts';

/** Longest time that somebody reads on who may not any more, plus that of the query. */
const askEveryMs = 3_000;

/** Readers in one query. */
const askedMax = 500;

/** By what somebody reads: as a member of the conversation, or by the public link with this token. */
export type Reading =
  | ({ readonly by: 'member' } & Membership)
  | { readonly by: 'link'; readonly token: string };

export interface AccessWatch {
  /** Calls `end` once the reader may not read any more. Returns a function that stops watching. */
  watch(reading: Reading, end: () => void): () => void;
  close(): void;
}

interface Watched<R extends Reading> {
  readonly reading: R;
  readonly ends: Set<() => void>;
}

export function createAccessWatch({ store, logger }: { store: Store; logger: Logger }): AccessWatch {
  /** Many tabs of one reader are one question. */
  const members = new Map<string, Watched<Extract<Reading, { by: 'member' }>>>();
  const links = new Map<string, Watched<Extract<Reading, { by: 'link' }>>>();

  async function askForMembers(): Promise<void> {
    for (const part of parts([...members.values()])) {
      const still = await stillMembers(
        store,
        part.map(({ reading }) => reading),
      );
      part.forEach(({ ends }, place) => {
        if (!still.has(place)) for (const end of ends) end();
      });
    }
  }

  async function askForLinks(): Promise<void> {
    for (const part of parts([...links.values()])) {
      const still = await stillLinked(
        store,
        part.map(({ reading }) => reading.token),
      );
      for (const { reading, ends } of part) {
        if (!still.has(reading.token)) for (const end of ends) end();
      }
    }
  }

  async function ask(): Promise<void> {
    for (const asked of await Promise.allSettled([askForMembers(), askForLinks()])) {
      // Nobody is cut off because the database is away: who may read is then as it was.
      if (asked.status === 'rejected')
        logger.warn({ err: asked.reason as unknown }, 'cannot ask who may read');
    }
  }

  let asking = false;
  const timer = setInterval(() => {
    if (asking) return;
    asking = true;
    ask()
      .catch((error: unknown) => logger.error({ err: error }, 'asking who may read failed'))
      .finally(() => {
        asking = false;
      });
  }, askEveryMs);
  timer.unref();

  return {
    watch(reading, end) {
      return reading.by === 'link'
        ? add(links, reading.token, reading, end)
        : add(members, `${reading.conversationId} ${reading.userId}`, reading, end);
    },
    close() {
      clearInterval(timer);
    },
  };
}

function add<R extends Reading>(
  watched: Map<string, Watched<R>>,
  key: string,
  reading: R,
  end: () => void,
): () => void {
  const known = watched.get(key) ?? { reading, ends: new Set() };
  watched.set(key, known);
  known.ends.add(end);
  return () => {
    known.ends.delete(end);
    if (known.ends.size === 0 && watched.get(key) === known) watched.delete(key);
  };
}

function* parts<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += askedMax) yield all.slice(at, at + askedMax);
}
