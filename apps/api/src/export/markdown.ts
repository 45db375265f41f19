/** A conversation as Markdown (CommonMark 0.31). */

/** The one line that says who wrote what follows. `who` may hold anything; it is shown as it is. */
export function heading(level: 1 | 2, who: string): string {
  return `${'#'.repeat(level)} ${escapeInline(who)}\n\n`;
}

/** One line, in which nothing is taken for Markdown or HTML. */
function escapeInline(text: string): string {
  return text
    .replace(/\s+/gu, ' ')
    .trim()
    .replace(/[\\`*_{}[\]<>#|~&!]/g, String.raw`\$&`);
}

/** A message as it was written, to the letter, and an end to what it leaves open: it would swallow what follows. */
export function body(text: string): string {
  const end = closing(text);
  return `${text}${text.endsWith('\n') ? '' : '\n'}${end === null ? '' : `${end}\n`}\n`;
}

/** "A code fence is a sequence of at least three consecutive backtick characters (`) or tildes (~)" (4.5). */
const fencePattern = /^( {0,3})(`{3,}|~{3,})(.*)$/;

const listItemPattern = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;

/** HTML blocks that a blank line does not end (4.6, kinds 1 and 2), and what ends them. */
const htmlBlocks = [
  { begin: /^ {0,3}<!--/, end: '-->' },
  { begin: /^ {0,3}<pre(?=[\s>]|$)/i, end: '</pre>' },
  { begin: /^ {0,3}<script(?=[\s>]|$)/i, end: '</script>' },
  { begin: /^ {0,3}<style(?=[\s>]|$)/i, end: '</style>' },
  { begin: /^ {0,3}<textarea(?=[\s>]|$)/i, end: '</textarea>' },
] as const;

/** The line that ends the code or HTML block in which a text ends; null: it ends in none. */
function closing(text: string): string | null {
  let open: { readonly end: string; readonly isFence: boolean } | null = null;
  let inList = false;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (open) {
      if (open.isFence ? closesFence(line, open.end) : line.toLowerCase().includes(open.end)) open = null;
      continue;
    }
    if (listItemPattern.test(line)) inList = true;
    else if (/^\S/.test(line)) inList = false;
    const [, indent = '', fence = '', info = ''] = fencePattern.exec(line) ?? [];
    // "If the info string comes after a backtick fence, it may not contain any backtick characters."
    if (fence !== '' && !(fence.startsWith('`') && info.includes('`'))) {
      // What is indented below a list item belongs to it, and ends with the list.
      if (!inList || indent === '') open = { end: fence, isFence: true };
      continue;
    }
    const html = htmlBlocks.find(({ begin }) => begin.test(line));
    if (html && !line.toLowerCase().includes(html.end)) open = { end: html.end, isFence: false };
  }
  return open?.end ?? null;
}

/** "of the same type as the code block began with, and with at least as many backticks or tildes" */
function closesFence(line: string, fence: string): boolean {
  const [, , end = '', rest = ''] = fencePattern.exec(line) ?? [];
  return end.startsWith(fence) && rest.trim() === '';
}
