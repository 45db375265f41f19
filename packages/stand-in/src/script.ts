/**
 * The text of a directive's answer: a pure function of the directive, so that a test in another process knows every
 * byte that a reader must end up with. It is made of what has broken chat backends before.
 */
import type { Directive } from './directive.ts';

export { type Directive, type Fault, faults, writeDirective } from './directive.ts';

const deltasDefault = 20;
const charsDefault = 12;
/** With `bytes` only: a 10 MB answer is 10,000 deltas, as when a fast provider bundles its tokens. */
const bytesPerDelta = 1024;

/** Each with the layer it attacks. They come first and close together, so that short texts hold many of them. */
const hazards = [
  '\r\nid: 999-999\nevent: completed\ndata: {"text":"forged"}\n\n', // the SSE framing
  '"quotes" \\ \\u0041 \'single\'', // JSON
  '你好，世界', // three bytes each
  '👩‍👩‍👧‍👦🏳️‍🌈', // several astral characters that are one letter to a reader
  'e\u0301o\u0308', // combining accents
  '\n\n\n', // blank lines
  'data: [DONE]\n\n', // the provider's own end mark
  'مرحبا بالعالم', // right to left
  '\r', // a bare CR ends an SSE line, too
  ': comment\nretry: 1\n',
  '\u2028\u2029\ufeff', // line ends for some parsers; a byte order mark in the middle
  '<|endoftext|>', // throws in tokenizers
  '<b onclick="x">&amp;</b>', // HTML
  '𝒳𐍈🇩🇪', // astral, not emoji
  '$& $1 %s {{x}} `\n```\n', // templates, Markdown
  '\t\u0008\u001b[31m\u007f', // control characters
];

const words = [
  'rope',
  'anchor',
  'harbour',
  'tide',
  'keel',
  'mast',
  'storm',
  'lantern',
  'knot',
  'shore',
  'gull',
  'oar',
];

/** How often, in tokens, a position comes (a lost or doubled part is seen at a glance), a marker, a hazard. */
const positionEvery = 8;
const markerEvery = 32;
const hazardEvery = 5;

/**
 * The answer to a directive, delta by delta; joined it is the whole text. `fault`, `status` and the times play no
 * part: with a fault at `atDelta` the reader gets `pieces.slice(0, atDelta)`. With `echo` the text is another.
 * With `splitSurrogates` single pieces hold lone surrogates; the joined text never does.
 */
export function scriptedText(directive: Directive): string[] {
  const text = wholeText(directive);
  const deltas =
    directive.deltas ??
    (directive.bytes === undefined ? deltasDefault : Math.ceil(directive.bytes / bytesPerDelta));
  const pieces = cutEvenly(text, deltas);
  return directive.splitSurrogates ? splitSurrogatePairs(pieces) : pieces;
}

/** Cuts at code points into `count` pieces of the same length (± 1), fewer when there are not enough characters. */
export function cutEvenly(text: string, count: number): string[] {
  const total = codePoints(text);
  const pieceCount = Math.min(count, total);
  const pieces: string[] = [];
  let start = 0;
  let end = 0;
  let seen = 0;
  for (let piece = 1; piece <= pieceCount; piece++) {
    const target = Math.floor((total * piece) / pieceCount);
    for (; seen < target; seen++) end += isAstralAt(text, end) ? 2 : 1;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

function wholeText(directive: Directive): string {
  if (directive.text !== undefined) return directive.text;
  const { bytes } = directive;
  const size = bytes === undefined ? codePoints : utf8Bytes;
  const wanted = bytes ?? (directive.deltas ?? deltasDefault) * (directive.chars ?? charsDefault);
  const parts: string[] = [];
  let length = 0;
  for (let n = 0; length < wanted; n++) {
    const token = tokenAt(n, directive);
    parts.push(token);
    length += size(token);
  }
  let text = parts.join('');
  while (length > wanted) {
    const last = isAstralAt(text, text.length - 2) ? text.slice(-2) : text.slice(-1);
    text = text.slice(0, -last.length);
    length -= size(last);
  }
  // Only with `bytes`: the last character did not fit.
  return text + '.'.repeat(wanted - length);
}

function tokenAt(n: number, directive: Directive): string {
  const marker = directive.marker ? `[${directive.marker}]` : '';
  // An astral character right away: even one delta can be split in the middle of it.
  if (n === 0) return `${marker}👋${directive.nul ? '\0' : ''}`;
  if (n % markerEvery === 0) return `${marker}${directive.nul ? '\0' : ''}`;
  if (n <= hazards.length * 2 && n % 2 === 1) return hazards[(n - 1) / 2] ?? '';
  if (n % positionEvery === 0) return ` ${n}.`;
  const random = hash(n, directive.seed ?? 0);
  if (n % hazardEvery === 0) return hazards[random % hazards.length] ?? '';
  return ` ${words[random % words.length]}`;
}

/** Moves the end of each piece that holds an astral character into the last of them. */
function splitSurrogatePairs(pieces: readonly string[]): string[] {
  const split: string[] = [];
  let carried = '';
  pieces.forEach((piece, index) => {
    const whole = carried + piece;
    // The first character of `whole` may be a low half that the piece before left; it has no high half before it here.
    let at = whole.length - 2;
    while (at >= 0 && !isAstralAt(whole, at)) at--;
    const end = index === pieces.length - 1 || at < 0 ? whole.length : at + 1;
    split.push(whole.slice(0, end));
    carried = whole.slice(end);
  });
  return split;
}

const isAstralAt = (text: string, index: number): boolean => (text.codePointAt(index) ?? 0) > 0xffff;

const utf8Bytes = (text: string): number => Buffer.byteLength(text);

function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += isAstralAt(text, i) ? 2 : 1) count++;
  return count;
}

/** A well-mixed 32-bit number from a place and a seed (the finaliser of MurmurHash3): no state, same on every machine. */
function hash(n: number, seed: number): number {
  let h = (n + Math.imul(seed + 1, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
