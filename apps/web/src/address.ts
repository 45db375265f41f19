/** What the address asks for. All of it stands behind `#`: tokens must not reach anybody's access log. */
export type Address =
  | { readonly view: 'chat'; readonly conversationId: string | null }
  | { readonly view: 'invitation' | 'shared'; readonly token: string };

/** A new conversation for everything that is nothing else. */
export function parseAddress(hash: string): Address {
  const [, view, token] = /^#(invitations|shared)\/([\w-]{1,100})$/.exec(hash) ?? [];
  if (token !== undefined) return { view: view === 'shared' ? 'shared' : 'invitation', token };
  return { view: 'chat', conversationId: /^#[0-9a-f-]{36}$/i.test(hash) ? hash.slice(1) : null };
}
