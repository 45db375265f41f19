/**
 * What is stored of a text so that it can be found, and what a question asks of it. Postgres compares the two (tsvector
 * and tsquery) and knows nothing of languages; all of that is in words.ts.
 *
 * A word is stored whole and from the beginning of each of its parts: asked for by its beginning, `deltaBat` finds
 * `createDeltaBatcher`. A run of a script without spaces is stored as its overlapping pairs and its last character: every
 * piece of it can be asked for.
 */
import { createBreather } from '../breather.ts';
import { type FoundWord, findWords, fold, partStarts } from './words.ts';

/** A message that people send is found by all of it; of a longer answer, by so much of its beginning. */
export const indexedCharsMax = 100_000;

/** UTF-16 units of one term; longer words are found by so much of their beginning. Postgres takes 2,046 bytes. */
export const termCharsMax = 64;

/** Minified code is one word of thousands of parts. */
const partsMax = 32;

/**
 * Whoever stores a text waits for its terms, and holds the locks of its conversation meanwhile; a busy Postgres takes a
 * second for so many. Text that people write has fewer in 100,000 characters; of random characters the rest is not found.
 */
export const termsMax = 40_000;

/** Postgres takes 1,048,575 bytes of terms in one tsvector, and refuses the whole statement beyond it. */
export const termsBytesMax = 900_000;

/** The terms of a text, each once, separated by spaces; no term holds one. Gives way to other work now and then. */
export async function searchTerms(text: string): Promise<string> {
  const breather = createBreather();
  const words = new Set<string>();
  const terms = new Set<string>();
  let bytes = 0;
  const isFull = (): boolean => bytes > termsBytesMax || terms.size >= termsMax;
  const add = (term: string): void => {
    if (term === '' || terms.has(term)) return;
    bytes += Buffer.byteLength(term);
    if (!isFull()) terms.add(term);
  };
  for (const word of findWords(text.slice(0, indexedCharsMax))) {
    if (isFull()) break;
    if (breather.isDue()) await breather.pause();
    if (word.isRun) {
      for (const term of pairs(fold(word.text))) {
        if (isFull()) break;
        if (breather.isDue()) await breather.pause();
        add(term);
      }
    } else if (!words.has(word.text)) {
      words.add(word.text);
      for (const at of partStarts(word.text, partsMax)) add(beginningOf(word.text.slice(at)));
    }
  }
  return [...terms].join(' ');
}

/** Every two neighbours, and the last character alone: with prefix search, that finds each single one, too. */
function* pairs(run: string): Generator<string> {
  let before = '';
  for (const character of run) {
    if (before !== '') yield before + character;
    before = character;
  }
  yield before;
}

/** The folded beginning of a word. Folding may make it longer, and cutting must not leave half a character. */
function beginningOf(word: string): string {
  const folded = fold(word.slice(0, 2 * termCharsMax));
  return folded.length <= termCharsMax
    ? folded
    : folded.slice(0, termCharsMax).replace(/[\ud800-\udbff]$/, '');
}

/** One thing that is asked for: a word by its beginning, or a piece of a run. */
export interface SearchItem {
  readonly text: string;
  readonly isRun: boolean;
}

/** What a question asks for, each once. Empty: it holds nothing that could be found. */
export function searchItems(question: string): SearchItem[] {
  const items = new Map<string, SearchItem>();
  for (const word of findWords(question)) {
    const text = word.isRun ? fold(word.text) : beginningOf(word.text);
    if (text !== '') items.set(text, { text, isRun: word.isRun });
  }
  return [...items.values()];
}

/** The question as a `tsquery`: everything that is asked for must be there. The terms hold no syntax: see `fold`. */
export function tsqueryOf(items: readonly SearchItem[]): string {
  return items
    .flatMap(({ text, isRun }) => {
      if (!isRun) return [`'${text}':*`];
      const all = [...pairs(text)];
      // The last of several pairs is a single character, which the pair before it has told already.
      return all.length === 1 ? [`'${text}':*`] : all.slice(0, -1).map((pair) => `'${pair}'`);
    })
    .join(' & ');
}

/** One word of a text in the forms that can be asked for. */
interface WordForms {
  readonly isRun: boolean;
  readonly forms: readonly { readonly at: number; readonly text: string }[];
}

export function formsOf(word: FoundWord): WordForms {
  const { text, isRun } = word;
  if (isRun) return { isRun, forms: [{ at: 0, text: fold(text) }] };
  const starts = partStarts(text, partsMax);
  return { isRun, forms: starts.map((at) => ({ at, text: beginningOf(text.slice(at)) })) };
}

/** Where in a word that is which was asked for, in UTF-16 units; -1: nowhere. */
export function findItem({ isRun, forms }: WordForms, item: SearchItem): number {
  if (isRun !== item.isRun) return -1;
  if (isRun) return forms[0]?.text.indexOf(item.text) ?? -1;
  return forms.find((form) => form.text.startsWith(item.text))?.at ?? -1;
}
