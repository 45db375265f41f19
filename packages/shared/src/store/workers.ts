/** The workers that live: each says so several times per lease, and is taken for dead when it has not for two. */
import { sql } from 'kysely';
import type { Store } from './database.ts';

/** A worker that says that it lives. */
export interface PresentWorker {
  readonly id: string;
  /** Runs that it answers at a time; 0: it takes no more. */
  readonly concurrency: number;
  readonly liveMs: number;
}

/** Long enough to see in the table what has died. */
const deadKeptSeconds = 60;

/** Says that a worker lives, for the next `liveMs`. Forgets workers that died some time ago. */
export async function announceWorker(db: Store, { id, concurrency, liveMs }: PresentWorker): Promise<void> {
  await sql`
    with forgotten as (
      delete from workers where live_until < now() - ${deadKeptSeconds} * interval '1 second' and id <> ${id}
    )
    insert into workers (id, concurrency, live_until)
    values (${id}, ${concurrency}, now() + ${liveMs} * interval '1 millisecond')
    on conflict (id) do update
      set concurrency = excluded.concurrency, seen_at = now(), live_until = excluded.live_until`.execute(db);
}

/** Forgets a worker that has ended. */
export async function forgetWorker(db: Store, id: string): Promise<void> {
  await db.deleteFrom('workers').where('id', '=', id).execute();
}
