/** Whether somebody looks at this page: seen, hidden, or gone (closed, or put away by the browser for coming back). */
export type Sight = 'seen' | 'hidden' | 'gone';

/**
 * Calls `onSight` with each change, where the platform knows them (not in Node): with `hidden` only after `hiddenMs`, with
 * `seen` also when the page comes back from having gone.
 */
export function listenForSight(
  onSight: (sight: Sight) => void,
  hiddenMs: number,
): { stop(): void; sight(): Sight } {
  const { document, addEventListener, removeEventListener } = globalThis as Partial<typeof globalThis>;
  const sight = (): Sight => (document?.visibilityState === 'hidden' ? 'hidden' : 'seen');
  if (!document || !addEventListener || !removeEventListener) return { stop() {}, sight };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const change = () => {
    clearTimeout(timer);
    if (sight() === 'seen') onSight('seen');
    else if (hiddenMs !== Infinity) timer = setTimeout(() => onSight('hidden'), hiddenMs);
  };
  const gone = () => {
    clearTimeout(timer);
    onSight('gone');
  };
  const shown = ({ persisted }: PageTransitionEvent) => {
    if (persisted) onSight('seen');
  };
  document.addEventListener('visibilitychange', change);
  addEventListener('pagehide', gone);
  addEventListener('pageshow', shown);
  return {
    stop() {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', change);
      removeEventListener('pagehide', gone);
      removeEventListener('pageshow', shown);
    },
    sight,
  };
}
