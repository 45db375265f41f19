/** What can be found: the terms of titles and final messages, written by whoever writes the text, in its transaction. */
import { type RawBuilder, sql } from 'kysely';
import type { FoundConversation } from '../http/schemas.ts';
import { snippetAround, snippetOfBeginning } from '../search/snippet.ts';
import { indexedCharsMax, type SearchItem, searchTerms, tsqueryOf } from '../search/terms.ts';
import type { Store } from './database.ts';

/** Terms as `searchTerms` gives them, as a column. */
const asTsvector = (terms: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`array_to_tsvector(string_to_array(${terms}, ' '))`;

/**
 * Makes a message findable by the terms of its text: a part of a `with`; `message` has the columns `conversation_id` and
 * `message_id` (null: it is a title), as a run has for its answer.
 */
export function indexText(message: RawBuilder<unknown>, terms: string): RawBuilder<unknown> {
  return sql`
    insert into search_terms (conversation_id, message_id, terms)
    select conversation_id, message_id, ${asTsvector(sql`${terms}::text`)} from ${message} as message
    where ${terms}::text <> ''`;
}

/** The same for many messages, each with its terms in a column of this name. */
export function indexTexts(messages: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    insert into search_terms (conversation_id, message_id, terms)
    select conversation_id, message_id, ${asTsvector(sql`message.terms`)} from ${messages} as message
    where message.terms <> ''`;
}

/** Makes a conversation findable by its title, or by none any more. */
export async function indexTitle(trx: Store, conversationId: string, title: string | null): Promise<void> {
  const terms = await searchTerms(title ?? '');
  await sql`
    delete from search_terms where conversation_id = ${conversationId} and message_id is null`.execute(trx);
  if (terms === '') return;
  await sql`
    insert into search_terms (conversation_id, message_id, terms)
    values (${conversationId}, null, ${asTsvector(sql`${terms}`)})`.execute(trx);
}

/**
 * Whether the conversation of a row of `conversations` holds all that is asked for in one message or in its title. Postgres
 * takes the shorter way: for what is rare from the index of terms, for what is in every other message from the
 * conversations in the order of the list, until the page is full.
 */
export function holdsAll(items: readonly SearchItem[]): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from search_terms
    where search_terms.conversation_id = conversations.id and search_terms.terms @@ ${tsqueryOf(items)}::tsquery)`;
}

/** The newest message of the conversation `page.id` that holds all of it, as a subquery; null where only the title does. */
export function newestHit(items: readonly SearchItem[]): RawBuilder<{ message_id: string | null }> {
  return sql`(
    select search_terms.message_id from search_terms
    where search_terms.conversation_id = page.id and search_terms.terms @@ ${tsqueryOf(items)}::tsquery
    order by search_terms.message_id desc nulls last limit 1)`;
}

/** Most hits are near the beginning, and long messages need not all be read for one page. */
const firstReadChars = 8_000;

/** Texts that one page reads beyond that; what was found after them is shown by the beginning of its message. */
const furtherReadsMax = 20;

/** What stands around the hits of one page, in their order. */
export async function snippetsOf(
  db: Store,
  hits: readonly { readonly title: string | null; readonly messageId: string | null }[],
  items: readonly SearchItem[],
): Promise<NonNullable<FoundConversation['match']>[]> {
  const ids = hits.map((hit) => hit.messageId).filter((id) => id !== null);
  const begun = await readTexts(db, ids, firstReadChars);
  const matches: NonNullable<FoundConversation['match']>[] = [];
  let furtherReads = 0;
  for (const { title, messageId } of hits) {
    if (messageId === null) {
      matches.push({ messageId, snippet: snippetOfBeginning(title ?? '') });
      continue;
    }
    const beginning = begun.get(messageId) ?? '';
    let snippet = await snippetAround(beginning, items);
    if (snippet === null && beginning.length >= firstReadChars && furtherReads < furtherReadsMax) {
      furtherReads += 1;
      const whole = await readTexts(db, [messageId], indexedCharsMax);
      snippet = await snippetAround(whole.get(messageId) ?? '', items);
    }
    matches.push({ messageId, snippet: snippet ?? snippetOfBeginning(beginning) });
  }
  return matches;
}

/** The beginnings of messages, by id. */
async function readTexts(db: Store, ids: readonly string[], charsMax: number): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('messages')
    .select(['id', sql<string>`left(text, ${charsMax})`.as('text')])
    .where('id', 'in', [...ids])
    .execute();
  return new Map(rows.map((row) => [row.id, row.text]));
}
