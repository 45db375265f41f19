import { isHidden, listen } from './listen.ts';

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
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sight = () => (isHidden() ? 'hidden' : 'seen');
  const stop = listen({
    visibilitychange() {
      clearTimeout(timer);
      if (!isHidden()) onSight('seen');
      else if (hiddenMs !== Infinity) timer = setTimeout(() => onSight('hidden'), hiddenMs);
    },
    pagehide() {
      clearTimeout(timer);
      onSight('gone');
    },
    pageshow({ persisted }) {
      if (persisted) onSight('seen');
    },
  });
  return {
    stop() {
      clearTimeout(timer);
      stop();
    },
    sight,
  };
}
