/** Cutting a growing answer into pieces: nothing is lost, nothing is doubled, and what is done stays as it is. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createSplitter, type Split, splitWhole } from '../../apps/web/src/markdown/split.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';

const markdown = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');
const texts = {
  'a long document with tables and code': markdown,
  'what has broken chats before': scriptedText({ deltas: 400, seed: 5 }).join(''),
  'one block of code without an end': `Here:\n\n~~~ts\n${'const rope = 1;\n'.repeat(2_000)}`,
  'footnotes, which hold a text together': 'A word.[^1]\n\n'.repeat(2_000),
  'one line without an end': 'word '.repeat(8_000),
};

/** The text that a split stands for; the fence of open code is not part of it. */
const whole = ({ settled, tail, code }: Split) => settled.join('') + tail + (code?.text ?? '');
const withoutFence = (text: string, { settled, tail, code }: Split) => {
  const before = settled.join('') + tail;
  return code ? before + text.slice(before.length).replace(/^[^\n]*\n?/, '') : text;
};

it.each(Object.entries(texts))(
  '%s: every word is there once at every moment, and no piece changes',
  (_name, raw) => {
    const text = raw.replaceAll(/\r\n?/g, '\n');
    const split = createSplitter();
    let before: readonly string[] = [];
    for (let end = 0; end < text.length; end += 97) {
      const now = split(text.slice(0, end), true);
      expect(whole(now) === withoutFence(text.slice(0, end), now)).toBe(true);
      expect(now.settled.slice(0, before.length)).toEqual(before);
      before = now.settled;
    }
    const last = split(text, false);
    expect(last.settled.join('') + last.tail === text).toBe(true);
    expect(last.code).toBeNull();
  },
);

it('the rest that may change stays short, so that a frame costs the same at the end as at the beginning', () => {
  const split = createSplitter();
  const text = markdown.repeat(3);
  let longest = 0;
  for (let end = 0; end < text.length; end += 997)
    longest = Math.max(longest, split(text.slice(0, end), true).tail.length);
  expect(text.length).toBeGreaterThan(50_000);
  expect(longest).toBeLessThan(12_000);
});

it('code is code from its first line to the fence that ends it', () => {
  const split = createSplitter();
  expect(split('Look:\n\n```ts\nconst a = `b`;', true)).toMatchObject({
    tail: 'Look:\n\n',
    code: { language: 'ts', text: 'const a = `b`;' },
  });
  expect(split('Look:\n\n```ts\nconst a = `b`;\n``', true).code?.text).toBe('const a = `b`;\n``');
  expect(split('Look:\n\n```ts\nconst a = `b`;\n```\nSee?', true)).toMatchObject({
    tail: 'Look:\n\n```ts\nconst a = `b`;\n```\nSee?',
    code: null,
  });
});

it('a formula stays in one piece, whatever Markdown would make of its lines', () => {
  const formula = '\\[\na = b\n\n+ c\n\n- d\n\\]\n\n';
  const text = `${'A word. '.repeat(249)}\n\n${formula}`.repeat(3) + 'And so on.\n\n'.repeat(60);
  const split = createSplitter();
  for (let end = 0; end < text.length; end += 7) split(text.slice(0, end), true);
  for (const pieces of [split(text, true).settled, splitWhole(text)]) {
    expect(pieces.filter((piece) => piece.includes(formula)).length).toBe(3);
    expect(pieces.length).toBeGreaterThan(3);
  }
});

it('code within a list stays in it', () => {
  const split = createSplitter();
  expect(split('1. Look:\n   ```ts\n   const a = 1;', true)).toMatchObject({ settled: [], code: null });
});

it('another text instead of a longer one begins anew', () => {
  const split = createSplitter();
  split(markdown, true);
  expect(split('Short.', true)).toMatchObject({ settled: [], tail: 'Short.', code: null });
});

it('a text from history is cut into the same words', () => {
  for (const raw of Object.values(texts)) {
    const text = raw.replaceAll(/\r\n?/g, '\n');
    expect(splitWhole(text).join('') === text).toBe(true);
  }
});
