/**
 * Does the work now if somebody looks at the page (or there is none, as in Node), or once when somebody does: ten tabs that
 * all read everything again at each event would use up what a user may ask.
 */
export function whenSeen(work: () => void): { run(): void; stop(): void } {
  const { document } = globalThis as Partial<typeof globalThis>;
  let isOwed = false;
  const look = () => {
    if (!isOwed || document?.visibilityState === 'hidden') return;
    isOwed = false;
    work();
  };
  document?.addEventListener('visibilitychange', look);
  return {
    run() {
      isOwed = true;
      look();
    },
    stop() {
      isOwed = false;
      document?.removeEventListener('visibilitychange', look);
    },
  };
}
