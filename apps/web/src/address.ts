/** What the address asks for. All of it stands behind `#`: tokens must not reach anybody's access log. */
import { useMemo, useSyncExternalStore } from 'react';

export type Address =
  | { readonly view: 'chat'; readonly conversationId: string | null }
  | { readonly view: 'invitation' | 'shared'; readonly token: string }
  | { readonly view: 'admin' };

/** A new conversation for everything that is nothing else. */
export function parseAddress(hash: string): Address {
  const [, view, token] = /^#(invitations|shared)\/([\w-]{1,100})$/.exec(hash) ?? [];
  if (token !== undefined) return { view: view === 'shared' ? 'shared' : 'invitation', token };
  if (hash === '#admin') return { view: 'admin' };
  return { view: 'chat', conversationId: /^#[0-9a-f-]{36}$/i.test(hash) ? hash.slice(1) : null };
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('hashchange', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('hashchange', listener);
  };
}

/** The address, as it changes. */
export function useAddress(): Address {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return useMemo(() => parseAddress(hash), [hash]);
}

/** Goes somewhere; going back leads to where one was. */
export function goTo(conversationId: string | null): void {
  location.hash = conversationId ?? '';
}

/** Names what is shown already: going back leads to what was before it. */
export function nameAddress(hash: string): void {
  history.replaceState(null, '', hash === '' ? location.pathname : `#${hash}`);
  for (const listener of listeners) listener();
}
