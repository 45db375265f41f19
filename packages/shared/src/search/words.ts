/**
 * The words of a text, as search knows them. Storing and asking both go through here: whatever it does to a text, it
 * does to the question as well.
 *
 * A word is letters and digits, with single joiners between them (`snake_case`, `kebab-case`, `example.com`, `l'été`).
 * Text of scripts that put no spaces between words (Chinese, Japanese, Korean, Thai, …) is one run. Everything else
 * separates.
 */

/** Scripts without spaces between words; Korean has some, but particles stick to its words. */
const runScripts = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Bopomofo', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => String.raw`\p{Script=${script}}`)
  .join('');

/** The signs for long vowels and voiced sounds belong to both Japanese scripts, so to none by name. */
const runClass = String.raw`[[${runScripts}\u30FC\uFF70\uFF9E\uFF9F\u3099\u309A]&&[\p{L}\p{M}\p{Nl}]]`;
const wordClass = String.raw`[[\p{L}\p{M}\p{Nd}\p{Nl}]--${runClass}]`;
const joiners = String.raw`[_.\-'\u2019\u2010\u2011]`;

const wordPattern = new RegExp(
  `(?<run>${runClass}+)|(?<word>${wordClass}+(?:${joiners}{1,2}${wordClass}+)*)`,
  'gv',
);

/**
 * Where a part of an identifier begins: after a joiner, at a capital after a small letter, at digits and after them, and at
 * the last capital of an abbreviation (`HTTPServer`).
 */
const partPattern = new RegExp(
  [
    String.raw`(?<=${joiners})(?=[^_.\-'\u2019\u2010\u2011])`,
    String.raw`(?<=\p{Ll})(?=\p{Lu})`,
    String.raw`(?<=\p{Nd})(?=\p{L})`,
    String.raw`(?<=\p{L})(?=\p{Nd})`,
    String.raw`(?<=\p{Lu})(?=\p{Lu}\p{Ll})`,
  ].join('|'),
  'gv',
);

/** Marks that are laid over a letter: accents, and the vowel points of Arabic and Hebrew. Vowels of other scripts stay. */
const accents = /[[[\p{Script=Inherited}\p{Script=Hebrew}]&&\p{M}]--[\u3099\u309A]]/gv;

/** Letters that people type without their stroke or as two, and that Unicode does not take apart. */
const alike: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ł: 'l',
  þ: 'th',
  ς: 'σ',
};
const alikePattern = new RegExp(`[${Object.keys(alike).join('')}]`, 'g');

const plainAscii = /^[a-z0-9]*$/;
const notWord = /[^\p{L}\p{M}\p{Nd}\p{Nl}]/gv;

/** Without case, accents, width and joiners: `Łódź` is `lodz`, `ＡＢＣ` is `abc`, `run_lease` is `runlease`. */
export function fold(text: string): string {
  const lower = text.toLowerCase();
  if (plainAscii.test(lower)) return lower;
  return lower
    .normalize('NFKD')
    .replace(accents, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(alikePattern, (letter) => alike[letter] ?? letter)
    .replace(notWord, '');
}

/** A word as it stands in the text. */
export interface FoundWord {
  readonly text: string;
  /** Place in the text, in UTF-16 units. */
  readonly at: number;
  /** Whether it is a run of a script without spaces. */
  readonly isRun: boolean;
}

/** The words of a text, in order. */
export function* findWords(text: string): Generator<FoundWord> {
  for (const match of text.matchAll(wordPattern)) {
    yield { text: match[0], at: match.index, isRun: match.groups?.['run'] !== undefined };
  }
}

/** Where the parts of a word begin, in UTF-16 units; the first is 0. */
export function partStarts(word: string, partsMax: number): number[] {
  const starts = [0];
  for (const { index } of word.matchAll(partPattern)) {
    if (starts.length === partsMax) break;
    if (index > 0) starts.push(index);
  }
  return starts;
}
