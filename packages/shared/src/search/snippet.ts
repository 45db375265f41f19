import { createBreather } from '../breather.ts';
import { findItem, formsOf, indexedCharsMax, type SearchItem } from './terms.ts';
import { findWords } from './words.ts';

/** UTF-16 units of a snippet: two lines of a list. */
export const snippetCharsMax = 160;

/** Of what comes before the first word that was asked for. */
const leadChars = 40;

/**
 * The piece of a text that holds what was asked for: all of it if one piece can, else the words that stand closest
 * together. One line of plain text, with `…` where something was left out. Null: not all of it is in the text.
 * Gives way to other work now and then.
 */
export async function snippetAround(text: string, items: readonly SearchItem[]): Promise<string | null> {
  const breather = createBreather();
  /** Where each item was seen last. */
  const seen = new Map<SearchItem, number>();
  let best: { from: number; to: number } | null = null;
  for (const word of findWords(text.slice(0, indexedCharsMax))) {
    if (breather.isDue()) await breather.pause();
    let found = false;
    const forms = formsOf(word);
    for (const item of items) {
      const at = findItem(forms, item);
      if (at < 0) continue;
      found = true;
      seen.set(item, word.at + at);
    }
    if (!found || seen.size < items.length) continue;
    const from = Math.min(...seen.values());
    const to = word.at + word.text.length;
    if (!best || to - from < best.to - best.from) best = { from, to };
    if (best.to - best.from <= snippetCharsMax - leadChars) break;
  }
  return best && cut(text, best.from);
}

/** The beginning of a text as a snippet. */
export function snippetOfBeginning(text: string): string {
  return cut(text, 0);
}

/** `at` stays in view: what is before it begins at a space if there is one near. */
function cut(text: string, at: number): string {
  let from = Math.max(0, at - leadChars);
  if (from > 0) {
    const space = text.slice(from, at).search(/\s/);
    if (space >= 0) from += space + 1;
    else if (isSecondHalf(text, from)) from += 1;
  }
  let to = Math.min(text.length, from + snippetCharsMax);
  if (to < text.length && isSecondHalf(text, to)) to -= 1;
  const line = text
    .slice(from, to)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return `${from > 0 ? '…' : ''}${line}${to < text.length ? '…' : ''}`;
}

/** Whether a character began one unit before. */
function isSecondHalf(text: string, at: number): boolean {
  return /[\udc00-\udfff]/.test(text.charAt(at)) && /[\ud800-\udbff]/.test(text.charAt(at - 1));
}
