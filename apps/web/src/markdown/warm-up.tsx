/** Draws a little Markdown that nobody sees, so that the browser has read and compiled the parser when the first answer comes. */
import { startTransition } from 'react';
import { createRoot } from 'react-dom/client';
import { Markdown } from './markdown.tsx';

/** Of everything one; without a language, so that no highlighter is fetched. */
const sample = `# One

Some **words**, *more*, \`code\` and a [link](https://example.com).

- one
- two
  1. three

> four

| a | b |
|---|---|
| 1 | 2 |

\`\`\`
code
\`\`\`

And what is stil`;

/** Safari has no idle callbacks. */
const idle: (work: () => void) => void =
  'requestIdleCallback' in globalThis ? (work) => requestIdleCallback(work) : (work) => setTimeout(work, 200);

let isWarm = false;

/** Does it once, when the page has nothing else to do. */
export function warmUp(): void {
  if (isWarm) return;
  isWarm = true;
  idle(() => {
    // A root that is not in the document: nothing is laid out or painted, nor read to anybody.
    const root = createRoot(document.createElement('div'));
    startTransition(() => root.render(<Markdown text={sample} isWriting />));
    idle(() => root.unmount());
  });
}
