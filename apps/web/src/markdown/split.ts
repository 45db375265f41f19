/**
 * Cuts an answer that is being written into pieces that are done and the rest that may still change, so that a frame
 * costs what its new words cost, however long the answer has become.
 */
import { parseMarkdownIntoBlocks } from 'streamdown';

export interface Split {
  /** Each is whole Markdown by itself, and never changes again. */
  readonly settled: readonly string[];
  /** What may still change: the last blocks. */
  readonly tail: string;
  /** A code block without its end, behind the tail; null: there is none. */
  readonly code: { readonly language: string; readonly text: string } | null;
}

/** Below this the tail is not looked at: a paragraph or two are drawn within a millisecond or two. */
const tailCharsMin = 700;

/** As many blocks may still change: the last one grows, and may turn the one before it into a heading or a list. */
const liveBlocks = 2;

/** A tail that cannot be cut by its blocks (footnotes hold it together) is cut at a blank line from here on. */
const tailCharsMax = 12_000;

/** Blocks are put together to pieces of about this length: each piece costs some objects of its own. */
const pieceChars = 2_000;

/** A formula may hold so much together that Markdown, which does not know its marks, takes for several blocks. */
const formulaCharsMax = 2 * pieceChars;

const fence = /^( {0,3})(`{3,}|~{3,})[^\n]*$/gm;

/** Where the code block begins that is not closed; null: none is, or it stands within a list. */
function openFence(text: string): number | null {
  let open: { readonly at: number; readonly marker: string; readonly indent: string } | null = null;
  for (const match of text.matchAll(fence)) {
    const [line, indent = '', marker = ''] = match;
    if (!open) {
      // Backticks behind three of them in the same line are a piece of code within a line.
      if (!(marker.startsWith('`') && line.trim().slice(marker.length).includes('`'))) {
        open = { at: match.index, marker, indent };
      }
    } else if (marker.startsWith(open.marker) && line.trim() === marker) open = null;
  }
  return open?.indent === '' ? open.at : null;
}

/** Whether a formula begins in it that does not end in it. */
function endsInFormula(piece: string): boolean {
  return piece.length < formulaCharsMax && piece.lastIndexOf('\\[') > piece.lastIndexOf('\\]');
}

function join(blocks: readonly string[]): string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const block of blocks) {
    piece += block;
    if (piece.length < pieceChars || endsInFormula(piece)) continue;
    pieces.push(piece);
    piece = '';
  }
  if (piece !== '') pieces.push(piece);
  return pieces;
}

/** Pieces that are done, at the beginning of `text`; what they leave is at least the live blocks. */
function settle(text: string): string[] {
  const blocks = parseMarkdownIntoBlocks(text);
  if (blocks.length > liveBlocks) {
    const pieces = join(blocks.slice(0, -liveBlocks));
    return endsInFormula(pieces.at(-1) ?? '') ? pieces.slice(0, -1) : pieces;
  }
  if (text.length < tailCharsMax) return [];
  const blank = text.lastIndexOf('\n\n', text.length - tailCharsMin);
  return blank <= 0 ? [] : [text.slice(0, blank + 2)];
}

/** Splits one text that grows. Begins anew when the text is another one. */
export function createSplitter(): (whole: string, isWriting: boolean) => Split {
  let settled: string[] = [];
  let done = '';
  /** Where the open code block begins, so that its lines are not looked at again with each of its words. */
  let codeAt: number | null = null;
  /** How much of the text was there the last time. */
  let seen = 0;
  let last: Split & { readonly of: string; readonly isWriting: boolean } = {
    settled,
    tail: '',
    code: null,
    of: '',
    isWriting: false,
  };

  function take(pieces: readonly string[]): void {
    if (pieces.length === 0) return;
    settled = [...settled, ...pieces];
    done += pieces.join('');
  }

  return (whole, isWriting) => {
    if (whole === last.of && isWriting === last.isWriting) return last;
    // Markdown knows three kinds of line ends, the places in it are counted in one.
    const text = whole.includes('\r') ? whole.replaceAll(/\r\n?/g, '\n') : whole;
    if (!text.startsWith(done)) {
      settled = [];
      done = '';
      codeAt = null;
    }
    let tail = text.slice(done.length);
    let code: Split['code'] = null;
    if (isWriting) {
      // Only another fence can end it; the marker itself may have come in two pieces.
      if (codeAt !== null && /`{3}|~{3}/.test(text.slice(Math.max(codeAt + 3, seen - 2)))) codeAt = null;
      const open = codeAt === null ? openFence(tail) : codeAt - done.length;
      codeAt = open === null ? null : done.length + open;
      if (open !== null) {
        const [line = '', ...lines] = tail.slice(open).split('\n');
        code = { language: /[\w+#.-]+/.exec(line)?.[0] ?? '', text: lines.join('\n') };
        tail = tail.slice(0, open);
      }
      if (tail.length > tailCharsMin) {
        take(settle(tail));
        tail = text.slice(done.length, codeAt ?? text.length);
      }
    } else {
      codeAt = null;
    }
    seen = text.length;
    last = { settled, tail, code, of: whole, isWriting };
    return last;
  };
}

/** Pieces of a text that will not change. Names of links and footnotes hold only within a piece, so such a text is one. */
export function splitWhole(whole: string): readonly string[] {
  return join(parseMarkdownIntoBlocks(whole));
}
