import { isHidden, listen } from './listen.ts';

/**
 * Moments at which waiting makes no sense any more.
 *
 * online  the network is back: sockets of the old network are dead, most of them without any error
 * shown   the page is seen again: timers stood still while it was frozen, so a dead connection was not noticed
 */
export type WakeReason = 'online' | 'shown';

/** Calls `onWake` at each such moment, where the platform knows them (not in Node). Returns how to stop it. */
export function listenForWake(onWake: (reason: WakeReason) => void): () => void {
  const shown = () => {
    if (!isHidden()) onWake('shown');
  };
  return listen({ online: () => onWake('online'), pageshow: shown, visibilitychange: shown });
}
