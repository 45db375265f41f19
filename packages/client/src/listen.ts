/** What a browser tells its pages. Nothing, where there is no browser. */

type PageEvent = 'online' | 'pagehide' | 'pageshow' | 'visibilitychange';

/** Calls these with each such event, where the platform has them (not in Node). Returns how to stop that. */
export function listen(
  handlers: Readonly<Partial<Record<PageEvent, (event: PageTransitionEvent) => void>>>,
): () => void {
  const { addEventListener } = globalThis as Partial<typeof globalThis>;
  const stopped = new AbortController();
  for (const [name, handler] of Object.entries(handlers)) {
    // Captured, for the window to hear what happens to its document, too.
    addEventListener?.(name, handler as EventListener, { capture: true, signal: stopped.signal });
  }
  return () => stopped.abort();
}

/** Nobody looks at this page. */
export const isHidden = (): boolean =>
  (globalThis as Partial<typeof globalThis>).document?.visibilityState === 'hidden';
