/** The language files of the page. */
import { failures, problems } from '@holdfast/shared/protocol/error-code.ts';
import { describe, expect, it } from 'vitest';
import { en } from '../../apps/web/src/i18n/en.ts';
import { languages } from '../../apps/web/src/i18n/words.ts';
import { zh } from '../../apps/web/src/i18n/zh.ts';

const files = { en, zh };

/** Every sentence by its path; of one that is made, an example. */
function sentences(words: object, path = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(words) as [string, unknown][]) {
    const place = path === '' ? key : `${path}.${key}`;
    if (typeof value === 'string') found.set(place, value);
    else if (typeof value === 'function') {
      found.set(place, String(value(...Array.from({ length: value.length }, (_, n) => n + 2))));
    } else for (const [inner, text] of sentences(value as object, place)) found.set(inner, text);
  }
  return found;
}

it('there is a file for every language that can be chosen', () => {
  expect(Object.keys(files).sort()).toEqual([...languages].sort());
});

describe.each(Object.entries(files))('%s', (_language, words) => {
  it('has every sentence of the interface, and none that is not used', () => {
    expect([...sentences(words).keys()].sort()).toEqual([...sentences(en).keys()].sort());
  });

  it('has no empty sentence, and each puts in what it is told', () => {
    for (const [place, text] of sentences(words)) {
      expect(text.trim(), place).not.toBe('');
      expect(text, place).not.toMatch(/undefined|NaN|\[object/);
    }
  });
});

it('no sentence of the Chinese interface was left in English', () => {
  const same = new Set(['tune.topP']);
  const english = sentences(en);
  for (const [place, text] of sentences(zh)) {
    if (!same.has(place)) expect(text, place).not.toBe(english.get(place));
  }
});

it('what is said of a problem is said of one that there is, and every way in which an answer can fail has its sentence', () => {
  const ofThePage = ['unreachable', 'unexpected', 'notReady', 'refused', 'conversation_removed'];
  const known = [...Object.keys(problems), ...Object.keys(failures), ...ofThePage];
  expect(Object.keys(en.problems).filter((code) => !known.includes(code))).toEqual([]);
  expect(Object.keys(failures).filter((code) => !Object.hasOwn(en.problems, code))).toEqual([]);
});

it('the place in the line is told as people count', () => {
  expect([1, 2, 3, 4, 11, 22].map((place) => en.status.inLine(place, null))).toEqual([
    'Next in line.',
    '2nd in line.',
    '3rd in line.',
    '4th in line.',
    '11th in line.',
    '22nd in line.',
  ]);
  expect(en.status.inLine(3, 12_300)).toBe('3rd in line, about 12 s.');
  expect(zh.status.inLine(3, 180_000)).toBe('排在第 3 位，约 3 分钟。');
});
