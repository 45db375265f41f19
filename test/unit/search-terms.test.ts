import { snippetAround, snippetCharsMax } from '@holdfast/shared/search/snippet.ts';
import {
  indexedCharsMax,
  searchItems,
  searchTerms,
  termCharsMax,
  termsBytesMax,
  termsMax,
  tsqueryOf,
} from '@holdfast/shared/search/terms.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** What Postgres does with the two: every part of the question is a term, or the beginning of one. */
async function finds(question: string, text: string): Promise<boolean> {
  const terms = (await searchTerms(text)).split(' ');
  return tsqueryOf(searchItems(question))
    .split(' & ')
    .every((part) => {
      const [, wanted = '', prefix] = /^'(.+)'(:\*)?$/.exec(part) ?? [];
      return terms.some((term) => (prefix ? term.startsWith(wanted) : term === wanted));
    });
}

describe('a question finds', () => {
  it.each([
    ['words by their beginning', 'harb', 'In the harbour'],
    ['whatever the case', 'HARBOUR', 'in the harbour'],
    ['an accent that was left out', 'cafe', 'Un café, bitte'],
    ['an accent too many', 'résumé', 'my resume'],
    ['accents as marks of their own', 'cafe\u0301', 'café'],
    ['letters with strokes', 'lodz strasse smorrebrod', 'Łódź, Straße, Smørrebrød'],
    ['wide letters', 'abc', 'ＡＢＣ'],
    ['final sigma', 'ΟΔΟΣ', 'οδος'],
    ['an identifier whole', 'createDeltaBatcher', 'see createDeltaBatcher()'],
    ['the middle of an identifier', 'deltaBat', 'see createDeltaBatcher()'],
    ['the end of an identifier', 'Batcher', 'see createDeltaBatcher()'],
    ['a part of snake case', 'lease_ke', 'run_lease_keeper'],
    ['one way of writing for another', 'run-lease', 'runLease and run_lease'],
    ['what follows an abbreviation', 'server', 'HTTPServer'],
    ['what follows digits, and digits', 'text 8', 'utf8Text'],
    ['a part of an address', 'example', 'https://www.example.com/a?b=c'],
    ['a part of a path', 'terms.ts', 'packages/shared/src/search/terms.ts'],
    ['elided articles', 'été', "pendant l'été"],
    ['two Chinese characters', '世界', '你好世界和平'],
    ['one Chinese character, also the last', '平', '你好世界和平'],
    ['a Chinese phrase', '界和平', '你好，世界和平。'],
    ['Chinese beside Latin', 'hello 世界', 'hello世界'],
    ['Japanese', 'ータベ', 'データベース'],
    ['narrow katakana', 'ガ', 'ｶﾞ'],
    ['Korean inside a word', '국어', '한국어를'],
    ['Thai without spaces', 'ภาษา', 'เรียนภาษาไทย'],
    ['Arabic without vowel points', 'محمد', 'مُحَمَّد'],
    ['Devanagari with its vowels', 'नमस्ते', 'वह नमस्ते कहता है'],
    ['all words, in any order', 'tide harbour', 'the harbour at low tide'],
  ])('%s', async (_, question, text) => expect(await finds(question, text)).toBe(true));
});

describe('a question does not find', () => {
  it.each([
    ['the middle of a plain word', 'arbour', 'harbour'],
    ['one word of two', 'harbour storm', 'the harbour'],
    ['a vowel that differs', 'कि', 'का'],
    ['a voiced kana for another', 'が', 'か'],
    ['characters in another order', '界世', '世界'],
  ])('%s', async (_, question, text) => expect(await finds(question, text)).toBe(false));
});

it('a question of nothing but signs asks for nothing', () => {
  for (const question of ['', ' ', '!?', "'", '& | ! :*', '\\', '…', '👍', '\ud800']) {
    expect(searchItems(question)).toEqual([]);
  }
});

it('a question never becomes query syntax', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (question) => {
      const query = tsqueryOf(searchItems(question));
      if (query !== '')
        expect(query).toMatch(/^'[\p{L}\p{M}\p{N}]+'(:\*)?( & '[\p{L}\p{M}\p{N}]+'(:\*)?)*$/u);
    }),
  );
});

describe('the terms of a text', () => {
  const blob = (seed: string, length: number) => {
    let text = '';
    for (let n = 0; text.length < length; n++) text += seed + n.toString(36);
    return text.slice(0, length);
  };
  const hostile: [string, string][] = [
    ['one endless word', 'a'.repeat(1_000_000)],
    ['one word of endless parts', 'aB1_'.repeat(100_000)],
    ['noise like base64', blob('aZ9', 1_000_000)],
    [
      'Chinese without repetition',
      Array.from({ length: 20_000 }, (_, n) => String.fromCodePoint(0x4e00 + n)).join(''),
    ],
    [
      'rare Chinese in four bytes',
      Array.from({ length: 40_000 }, (_, n) => String.fromCodePoint(0x20000 + n)).join(''),
    ],
    [
      'Chinese noise',
      Array.from({ length: 100_000 }, (_, n) =>
        String.fromCodePoint(0x4e00 + ((Math.imul(n, 2_654_435_761) >>> 8) % 20_011)),
      ).join(''),
    ],
    ['words that folding makes longer', `${'ﷺ'.repeat(60)} `.repeat(2_000)],
    ['marks without end', `e${'\u0301'.repeat(200_000)}`],
    ['an answer of 16 MB', 'lorem ipsum dolor sit amet '.repeat(600_000)],
    ['halves of characters', '\ud83d'.repeat(100_000)],
    ['words of rare letters', blob('𐐀𝒳', 300_000)],
  ];
  it.each(hostile)('fit into one tsvector: %s', async (_, text) => {
    const terms = await searchTerms(text);
    expect(Buffer.byteLength(terms.replaceAll(' ', ''))).toBeLessThanOrEqual(termsBytesMax);
    expect(terms).not.toContain('  ');
    expect(terms.split(' ').length).toBeLessThanOrEqual(termsMax);
    for (const term of terms.split(' ')) {
      expect(term.length).toBeLessThanOrEqual(termCharsMax);
      expect(term.isWellFormed()).toBe(true);
    }
  });

  it('are made in pieces, so that a process serves others meanwhile', async () => {
    let turns = 0;
    let timer = setImmediate(function turn() {
      turns += 1;
      timer = setImmediate(turn);
    });
    await searchTerms(hostile.map(([, text]) => text.slice(0, 20_000)).join(' '));
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('are letters, marks and digits, well formed and each there once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 500 }), async (text) => {
        const joined = await searchTerms(text);
        if (joined === '') return;
        const terms = joined.split(' ');
        expect(new Set(terms).size).toBe(terms.length);
        for (const term of terms) expect(term).toMatch(/^[\p{L}\p{M}\p{N}]+$/u);
      }),
    );
  });

  it('let every word of a text be found, and every run of two Chinese characters', async () => {
    const word = fc.stringMatching(/^[a-zé]{1,12}([A-Z][a-z]{1,6}|_[a-z]{1,6}){0,3}$/);
    const run = fc.stringMatching(/^[一-鿿]{1,8}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(word, run), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        async (words, at) => {
          const wanted = words[at % words.length] ?? '';
          expect(await finds(wanted, words.join(' '))).toBe(true);
          expect(await finds([...wanted].slice(0, 2).join(''), words.join(', '))).toBe(true);
        },
      ),
    );
  });

  it('reach to the end of the longest message that people can send', async () => {
    const text = `${'lorem ipsum '.repeat(indexedCharsMax)}`.slice(0, indexedCharsMax - 7);
    expect(await finds('needle', `${text} needle`)).toBe(true);
  });
});

describe('a snippet', () => {
  const around = (text: string, question: string) => snippetAround(text, searchItems(question));
  const padding = 'lorem ipsum dolor sit amet '.repeat(40);

  it('is the piece of the text that holds what was asked for', async () => {
    expect(await around(`${padding}the Needle is here. ${padding}`, 'needle')).toMatch(
      /^….*the Needle is here\. .*…$/,
    );
    expect(await around(`${padding}见到世界和平${padding}`, '界和')).toContain('世界和平');
    expect(await around('short Café text', 'cafe')).toBe('short Café text');
    expect(await around(`${padding} createDeltaBatcher`, 'batcher')).toContain('createDeltaBatcher');
  });

  it('holds all words, where they stand together', async () => {
    const text = `first alpha ${padding} then beta ${padding} alpha and beta ${padding}`;
    expect(await around(text, 'beta alpha')).toContain('alpha and beta');
  });

  it('is one line of bounded length and whole characters', async () => {
    const text = `${'👩‍👩‍👧‍👦'.repeat(50)}\n\nneedle\r\n\t${'👍'.repeat(200)}`;
    const snippet = (await around(text, 'needle')) ?? '';
    expect(snippet).toContain('needle');
    expect(snippet).not.toMatch(/[\r\n\t]/);
    expect(snippet.isWellFormed()).toBe(true);
    expect(snippet.length).toBeLessThanOrEqual(snippetCharsMax + 2);
  });

  it('is none where something is missing', async () => {
    expect(await around('only alpha', 'alpha beta')).toBeNull();
  });
});
