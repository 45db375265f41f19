/**
 * Formulas between `\( … \)` and `\[ … \]`, as most models write them, put between the `$$` that the parser of Markdown
 * knows. To Markdown itself these marks are brackets that somebody wanted to be brackets, so only what is a pair, and not
 * code, is taken; a formula that is still being written stays text until its end is there.
 */

/** Longer than any formula in a line; it bounds what a lone mark costs. */
const inlineCharsMax = 2_000;

/** Longer than any formula that stands by itself. */
const displayCharsMax = 10_000;

/** Longer than a piece of code in a line. */
const codeCharsMax = 2_000;

const marks = /\\[([]/;
const listMarks = /(?:[-*+]|\d{1,9}[.)])[ \t]+/g;
const lineStart = /^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*/;
const fence = new RegExp(`${lineStart.source}(\`{3,}(?=[^\`]*$)|~{3,})`);

/** Code, a formula of either kind, or an escaped character; whichever begins first. A mark cannot stand within its pair. */
const parts = new RegExp(
  [
    String.raw`(?<ticks>(?<!\`)\`+(?!\`))(?:(?!\n[ \t]*\n)[^]){1,${codeCharsMax}}?(?<!\`)\k<ticks>(?!\`)`,
    String.raw`\\\((?<inline>(?:\\[^()]|(?!\n[ \t]*\n)[^\\]){1,${inlineCharsMax}})\\\)`,
    String.raw`\\\[(?<display>(?:\\[^[\]]|[^\\]){1,${displayCharsMax}})\\\](?<end>[.,;:。，；：]?)`,
    String.raw`\\[^]`,
  ].join('|'),
  'g',
);

/** The same text with `$$` around its formulas. */
export function withDollars(text: string): string {
  if (!marks.test(text)) return text;
  let out = '';
  let prose = '';
  let open: string | null = null;
  let isInList = false;
  let isAfterBlank = true;
  const flush = () => {
    out += convert(prose);
    prose = '';
  };
  for (const line of text.replaceAll(/\r\n?/g, '\n').split(/(?<=\n)/)) {
    const isBlank = line.trim() === '';
    if (open !== null) {
      out += line;
      const mark = line.replace(/^[ \t>]*/, '').trimEnd();
      if (mark.startsWith(open) && mark === open.charAt(0).repeat(mark.length)) open = null;
      continue;
    }
    const [start = ''] = lineStart.exec(line) ?? [];
    const mark = fence.exec(line.trimEnd())?.[1];
    if (!isBlank) isInList = /[-*+.)]/.test(start) || (isInList && /^[ \t]/.test(line));
    // Four spaces after an empty line make code, but in a list they say to what the line belongs.
    const isIndented = /^(?: {4}|\t)/.test(line) && !isInList && isAfterBlank;
    if (mark !== undefined || (isIndented && !isBlank)) {
      flush();
      out += line;
      open = mark ?? null;
      continue;
    }
    prose += line;
    isAfterBlank = isBlank;
  }
  flush();
  return out;
}

function convert(prose: string): string {
  let out = '';
  let last = 0;
  for (const match of prose.matchAll(parts)) {
    const { inline, display, end = '' } = match.groups ?? {};
    const after = match.index + match[0].length;
    const tex = inline ?? display;
    if (tex === undefined) continue;
    const formula = tex.trim();
    // The marks that follow would not be those of this formula.
    if (formula === '' || formula.includes('$$') || /^\$|\$$/.test(formula)) continue;
    const before = prose.slice(prose.lastIndexOf('\n', match.index - 1) + 1, match.index);
    const behind = prose.slice(after, (prose.indexOf('\n', after) + 1 || prose.length + 1) - 1).trim();
    const placed =
      inline === undefined
        ? placeDisplay({ tex, end, before, behind })
        : before.endsWith(']')
          ? null
          : `$$${formula}$$`;
    if (placed === null) continue;
    out += prose.slice(last, match.index);
    // Marks that touch would be one longer mark.
    if (out.endsWith('$')) out += '\u200B';
    out += placed;
    last = after;
    if (prose.charAt(last) === '$') out += '\u200B';
  }
  return out + prose.slice(last);
}

/** A formula that stands by itself, in lines of its own; null: these were brackets after all. */
function placeDisplay({
  tex,
  end,
  before,
  behind,
}: {
  readonly tex: string;
  /** What ends the sentence behind it. */
  readonly end: string;
  /** What stands before and behind it in its lines. */
  readonly before: string;
  readonly behind: string;
}): string | null {
  const [start = ''] = lineStart.exec(before) ?? [];
  const isFirst = start === before;
  const isSpaced = /^\s/.test(tex);
  // Brackets that are to be brackets, `\[1\] Somebody, 2020`, have words around them and no space in them.
  if (!isSpaced && (!isFirst || behind !== '')) return null;
  const isOneLine = !tex.includes('\n');
  if (isOneLine && (/^\s*[|#]/.test(before) || (behind !== '' && !isFirst))) return `$$${tex.trim()}$$${end}`;
  // In a list the lines below belong to it by their indent, in a quotation by their mark.
  const indent = start.replaceAll(listMarks, (mark) => ' '.repeat(mark.length));
  const body = /^[ \t]*\n/.test(tex) ? tex.replace(/^[ \t]*\n/, '') : indent + tex.trimStart();
  const lines = `$$\n${body.replace(/[\s>]+$/, '')}${end}\n${indent}$$`;
  return `${isFirst ? '' : `\n${indent}`}${lines}${behind === '' ? '' : `\n${indent}`}`;
}
