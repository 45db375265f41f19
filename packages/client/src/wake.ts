/**
 * Moments at which waiting makes no sense any more.
 *
 * online  the network is back: sockets of the old network are dead, most of them without any error
 * shown   the page is seen again: timers stood still while it was frozen, so a dead connection was not noticed
 */
export type WakeReason = 'online' | 'shown';

/** Calls `onWake` at each such moment, where the platform knows them (not in Node). Returns how to stop it. */
export function listenForWake(onWake: (reason: WakeReason) => void): () => void {
  const { document, addEventListener, removeEventListener } = globalThis as Partial<typeof globalThis>;
  if (!addEventListener || !removeEventListener) return () => {};
  const online = () => onWake('online');
  const shown = () => {
    if (document?.visibilityState !== 'hidden') onWake('shown');
  };
  addEventListener('online', online);
  addEventListener('pageshow', shown);
  document?.addEventListener('visibilitychange', shown);
  return () => {
    removeEventListener('online', online);
    removeEventListener('pageshow', shown);
    document?.removeEventListener('visibilitychange', shown);
  };
}
