import { type Kysely, sql } from 'kysely';

/** Answers that go on where another one stopped. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The answer whose text this one begins with. No foreign key: messages go only together with their conversation, and each
  // that goes would have to be looked for here.
  await sql`alter table runs add column continues_id uuid`.execute(db);
}
