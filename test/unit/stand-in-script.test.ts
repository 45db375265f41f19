import { readDirective } from '@holdfast/stand-in/directive.ts';
import { type Directive, scriptedText, writeDirective } from '@holdfast/stand-in/script.ts';
import { describe, expect, it } from 'vitest';

const join = (directive: Directive): string => scriptedText(directive).join('');
const codePoints = (text: string): number => [...text].length;

describe('the scripted text', () => {
  it('is the same for the same directive and another for another seed', () => {
    expect(scriptedText({ seed: 7, deltas: 50 })).toEqual(scriptedText({ seed: 7, deltas: 50 }));
    expect(join({ seed: 8, deltas: 50 })).not.toBe(join({ seed: 7, deltas: 50 }));
  });

  it('has the pieces that were asked for', () => {
    const pieces = scriptedText({ deltas: 200, chars: 7 });
    expect(pieces).toHaveLength(200);
    expect(pieces.map(codePoints)).toEqual(pieces.map(() => 7));
  });

  it('holds what breaks framing, encodings and stores', () => {
    const text = join({ deltas: 200, chars: 12 });
    for (const hazard of [
      '\r\nid: 999-999\nevent: completed',
      '\n\n\n',
      '"',
      '你',
      '👩‍👩‍👧‍👦',
      'e\u0301',
      'م',
      '\u2028',
    ]) {
      expect(text).toContain(hazard);
    }
    expect(text).not.toContain('\0');
    expect(join({ deltas: 1, chars: 3, nul: true })).toContain('\0');
  });

  it('is exactly as many bytes as were asked for, in whole characters', () => {
    for (const bytes of [1, 2, 3, 4, 5, 100, 1023, 1024, 1025, 1_000_000]) {
      const text = join({ bytes });
      expect(Buffer.byteLength(text)).toBe(bytes);
      expect(text.isWellFormed()).toBe(true);
    }
    expect(scriptedText({ bytes: 100_000, deltas: 11 })).toHaveLength(11);
    expect(scriptedText({ bytes: 100_000 })).toHaveLength(98);
  });

  it('never has more pieces than characters', () => {
    expect(scriptedText({ bytes: 4, deltas: 50 })).toEqual(['👋']);
  });

  it('carries the marker from the first piece on', () => {
    const text = join({ marker: 'owner-1', deltas: 500 });
    expect(text.startsWith('[owner-1]')).toBe(true);
    expect(text.split('[owner-1]').length).toBeGreaterThan(10);
  });

  it('breaks astral characters over two pieces on purpose, the whole text unchanged', () => {
    for (const directive of [
      { deltas: 2, chars: 3 },
      { deltas: 300 },
      { bytes: 50_000 },
    ] satisfies Directive[]) {
      const pieces = scriptedText({ ...directive, splitSurrogates: true });
      expect(pieces.join('')).toBe(join(directive));
      expect(pieces).toHaveLength(scriptedText(directive).length);
      expect(pieces.some((piece) => !piece.isWellFormed())).toBe(true);
      expect(pieces.every((piece) => piece !== '')).toBe(true);
    }
  });

  it('is never broken inside a character otherwise', () => {
    expect(scriptedText({ deltas: 2_000, chars: 1 }).every((piece) => piece.isWellFormed())).toBe(true);
  });
});

describe('a directive', () => {
  it('is read from the middle of a message', () => {
    const directive: Directive = { deltas: 3, fault: 'cut', key: 'a "b" {c}' };
    expect(readDirective(`${writeDirective(directive, 'Hello')} world`)).toEqual(directive);
  });

  it('is absent from what people write', () => {
    for (const text of ['', 'hello', 'mail me @@ home', '@@@', '{"deltas":1}'])
      expect(readDirective(text)).toBeNull();
  });

  it.each([
    ['@@{"delta":3}@@', 'no field "delta"'],
    ['@@{"__proto__":3}@@', 'no field "__proto__"'],
    ['@@{"deltas":0}@@', 'deltas must be'],
    ['@@{"bytes":1e12}@@', 'bytes must be'],
    ['@@{"intervalMs":-1}@@', 'intervalMs must be'],
    ['@@{"intervalMs":"20"}@@', 'intervalMs must be'],
    ['@@{"status":200}@@', 'status must be'],
    ['@@{"fault":"flood"}@@', 'fault must be'],
    ['@@{"echo":1}@@', 'echo must be'],
    ['@@{"key":1}@@', 'key must be'],
    ['@@{deltas:1}@@', 'not JSON'],
  ])('that cannot be followed is refused: %s', (text, message) => {
    expect(() => readDirective(text)).toThrow(message);
  });
});
