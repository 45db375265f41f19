import { isHidden, listen } from '../listen.ts';

/**
 * Does the work now if somebody looks at the page (or there is none, as in Node), or once when somebody does: ten tabs that
 * all read everything again at each event would use up what a user may ask.
 */
export function whenSeen(work: () => void): { run(): void; stop(): void } {
  let isOwed = false;
  const look = () => {
    if (!isOwed || isHidden()) return;
    isOwed = false;
    work();
  };
  const stop = listen({ visibilitychange: look });
  return {
    run() {
      isOwed = true;
      look();
    },
    stop() {
      isOwed = false;
      stop();
    },
  };
}
