/** Keeps the end of a conversation in sight for whoever is there, and leaves everybody else where they read. */
import { type RefCallback, useCallback, useEffect, useMemo, useRef, useState } from 'react';

/** Closer to the end than this, the reader follows the answer; a line's height, since zoom leaves fractions. */
const pinnedPxMax = 32;

export interface StayAtEnd {
  /** What scrolls. */
  readonly scrollRef: RefCallback<HTMLElement>;
  /** What grows in it. */
  readonly contentRef: RefCallback<HTMLElement>;
  /** Whether the reader follows the end. */
  readonly isAtEnd: boolean;
  readonly goToEnd: () => void;
}

export function useStayAtEnd(): StayAtEnd {
  const [isAtEnd, setAtEnd] = useState(true);
  const isPinned = useRef(true);
  const scroller = useRef<HTMLElement | null>(null);
  /** Where it was scrolled to when we last looked. */
  const scrolledTo = useRef(0);

  const pin = useCallback((now: boolean) => {
    isPinned.current = now;
    setAtEnd(now);
  }, []);
  const stay = useCallback(() => {
    const { current } = scroller;
    if (!current) return;
    if (isPinned.current) current.scrollTop = current.scrollHeight;
    scrolledTo.current = current.scrollTop;
  }, []);
  const look = useCallback(() => {
    const { current } = scroller;
    if (!current) return;
    const { scrollHeight, scrollTop, clientHeight } = current;
    // Only a reader moves up. A text that is laid out anew, as the window is turned, moves the end away from everybody.
    if (scrollHeight - scrollTop - clientHeight <= pinnedPxMax) pin(true);
    else if (scrollTop < scrolledTo.current) pin(false);
    scrolledTo.current = scrollTop;
  }, [pin]);

  // A phone's keyboard, a turned screen or a longer draft move the end out of sight without any scrolling, too.
  const observer = useMemo(() => new ResizeObserver(stay), [stay]);
  useEffect(() => () => observer.disconnect(), [observer]);

  const watch = useCallback(
    (element: HTMLElement) => {
      observer.observe(element);
      return () => observer.unobserve(element);
    },
    [observer],
  );
  const scrollRef = useCallback<RefCallback<HTMLElement>>(
    (element) => {
      if (!element) return;
      scroller.current = element;
      element.addEventListener('scroll', look, { passive: true });
      const stop = watch(element);
      return () => {
        stop();
        element.removeEventListener('scroll', look);
        scroller.current = null;
      };
    },
    [look, watch],
  );
  const contentRef = useCallback<RefCallback<HTMLElement>>(
    (element) => (element ? watch(element) : undefined),
    [watch],
  );
  const goToEnd = useCallback(() => {
    pin(true);
    stay();
  }, [pin, stay]);
  return { scrollRef, contentRef, isAtEnd, goToEnd };
}
