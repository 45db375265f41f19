/**
 * Shows text that grows, with fenced code blocks and `inline code`. It makes DOM nodes only, never markup, so no text
 * can become an element; and it hides the backticks instead of leaving them out, so that `root.textContent` is at
 * every moment exactly the text.
 *
 * Finished lines are never touched again. The last, unfinished one is the only one that may be drawn anew, and is just
 * extended while nothing in it can change its form: the cost of an update does not grow with the answer.
 */
const fencePattern = /^\s*(`{3,}|~{3,})\s*([^`]*)$/;

export interface TextView {
  /** Shows this text: appends when it begins with what is shown, begins anew when not. */
  show(text: string): void;
}

export function createTextView(root: HTMLElement): TextView {
  let shown = '';
  /** The marker that closes the open code block; null outside of code. */
  let fence: string | null = null;
  /** Where lines go: a paragraph, or the `code` of a block; null when the next line begins a new one. */
  let block: HTMLElement | null = null;
  let line = '';
  /** What draws the unfinished line. */
  let lineNodes: ChildNode[] = [];

  function append(nodes: ChildNode[]): void {
    if (!block) {
      block = element('p');
      block.dir = 'auto';
      root.append(block);
    }
    block.append(...nodes);
  }

  function draw(ending: '' | '\n'): void {
    for (const node of lineNodes) node.remove();
    lineNodes = [];
    const match = fencePattern.exec(line);
    const marker = match?.[1] ?? '';
    const closes = fence !== null && marker.startsWith(fence) && match?.[2] === '';
    const opens = fence === null && match !== null;
    if (closes || opens) lineNodes = [hidden(line + ending)];
    else if (fence !== null) lineNodes = line + ending === '' ? [] : [document.createTextNode(line + ending)];
    else lineNodes = inline(line + ending);
    append(lineNodes);
    if (ending === '') return;
    if (opens) {
      fence = marker;
      const pre = element('pre');
      // Code is written from left to right in every language.
      pre.dir = 'ltr';
      pre.tabIndex = 0;
      block = element('code');
      pre.append(block);
      root.append(pre);
    } else if (closes) {
      fence = null;
      block = null;
    } else if (fence === null && line.trim() === '') {
      block = null;
    }
    line = '';
    lineNodes = [];
  }

  function feed(text: string): void {
    const lines = text.split('\n');
    for (const [at, piece] of lines.entries()) {
      const last = at === lines.length - 1;
      const end = lineNodes.at(-1);
      const plain = line !== '' && !/[`~]/.test(line) && !/[`~]/.test(piece);
      line += piece;
      if (last && plain && end instanceof Text) end.appendData(piece);
      else if (!last) draw('\n');
      else if (piece !== '') draw('');
    }
  }

  return {
    show(text) {
      if (!text.startsWith(shown)) {
        root.replaceChildren();
        fence = block = null;
        line = '';
        lineNodes = [];
        shown = '';
      }
      if (text.length > shown.length) feed(text.slice(shown.length));
      shown = text;
    },
  };
}

/** One line as text and `code` nodes; a backtick without a partner is text. */
function inline(line: string): ChildNode[] {
  const nodes: ChildNode[] = [];
  // With one capturing group, split puts what matched at the odd places.
  for (const [at, piece] of line.split(/(`[^`\n]+`)/).entries()) {
    if (at % 2 === 1) {
      const code = element('code');
      code.append(hidden('`'), piece.slice(1, -1), hidden('`'));
      nodes.push(code);
    } else if (piece !== '') {
      nodes.push(document.createTextNode(piece));
    }
  }
  return nodes;
}

function hidden(text: string): HTMLElement {
  const span = element('span');
  span.hidden = true;
  span.append(text);
  return span;
}

function element(name: string): HTMLElement {
  return document.createElement(name);
}
