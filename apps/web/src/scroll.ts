/** Keeps the end of the conversation in sight for whoever is there, and leaves everybody else where they read. */

/** Closer to the end than this, the reader follows the answer; a line's height, since zoom leaves fractions. */
const pinnedPxMax = 32;

export interface Scroll {
  /** The log grew. */
  stay(): void;
  /** Goes to the end. */
  pin(): void;
}

export function createScroll(scroller: HTMLElement): Scroll {
  let isPinned = true;
  /** Where the log was scrolled to when we last looked. */
  let scrolledTo = 0;

  function stay(): void {
    if (isPinned) scroller.scrollTop = scroller.scrollHeight;
    scrolledTo = scroller.scrollTop;
  }

  scroller.addEventListener(
    'scroll',
    () => {
      const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight <= pinnedPxMax;
      // Only a reader moves up. A text that is laid out anew, as the window is turned, moves the end away from everybody.
      if (isAtEnd) isPinned = true;
      else if (scroller.scrollTop < scrolledTo) isPinned = false;
      scrolledTo = scroller.scrollTop;
    },
    { passive: true },
  );
  // A phone's keyboard, a turned screen or a longer draft move the end of the text out of sight without any scrolling.
  new ResizeObserver(stay).observe(scroller);

  return {
    stay,
    pin() {
      isPinned = true;
      stay();
    },
  };
}
