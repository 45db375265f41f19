/** One page of the list, as the server has it. */
import type { Client } from '../client.ts';
import type { ConversationPage } from '../wire.ts';

export interface PageQuery {
  readonly q: string;
  readonly archived: boolean;
  readonly limit: number;
  /** Null: the first page. */
  readonly cursor: string | null;
}

/** The next conversations; on the first page, those that are pinned before all others. */
export async function askPage(
  client: Pick<Client, 'conversations'>,
  { q, archived, limit, cursor }: PageQuery,
  signal: AbortSignal,
): Promise<ConversationPage> {
  const query = { limit, archived, ...(cursor !== null && { cursor }) };
  const words = q.trim();
  if (words !== '') return client.conversations({ ...query, q: words }, { signal });
  // What is pinned stays in reach, however long ago it changed.
  const [pinned, others] = await Promise.all([
    cursor === null ? client.conversations({ ...query, pinned: true }, { signal }) : null,
    client.conversations({ ...query, pinned: false }, { signal }),
  ]);
  return { ...others, conversations: [...(pinned?.conversations ?? []), ...others.conversations] };
}
