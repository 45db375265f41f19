/** What a page watches of itself while a test uses it: see browser.ts. */

/** What an answer looked like, from its first moment to the last one. */
export interface Seen {
  /** The lengths of its text, each time it changed. */
  readonly lengths: readonly number[];
  /** How often the text was not continued but replaced by another one. */
  readonly replacements: number;
}

/** The page puts the Markdown of a message beside the elements that it makes of it (apps/web/src/markdown/markdown.tsx). */
export interface WithSource extends HTMLElement {
  source?: string;
}

export interface Watch {
  seen: { lengths: number[]; replacements: number } | null;
  violations: string[];
}

/** Runs in the page, before its own scripts. A mutation observer misses no state that could have been painted. */
export function watchDocument(watchText: boolean): void {
  const watch: Watch = { seen: null, violations: [] };
  (globalThis as unknown as { holdfastWatch: Watch }).holdfastWatch = watch;
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
    watch.violations.push(`${effectiveDirective} ${blockedURI}`);
  });
  if (!watchText) return;
  let watched: Element | undefined;
  let shown = '';
  const look = () => {
    const all = document.querySelectorAll('[data-role=assistant] [data-testid=message-text]');
    const answer = all[all.length - 1] as WithSource | undefined;
    if (!answer) return;
    if (answer !== watched || !watch.seen) {
      watched = answer;
      shown = '';
      watch.seen = { lengths: [], replacements: 0 };
    }
    const text = answer.source ?? '';
    if (text === shown) return;
    if (!text.startsWith(shown)) watch.seen.replacements++;
    watch.seen.lengths.push(text.length);
    shown = text;
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}
