/** An answer as it is read: safe Markdown that may still be growing. */
import { memo, type ReactNode, type RefCallback, useMemo, useRef } from 'react';
import { Streamdown } from 'streamdown';
import { Boundary } from '../ui/fallible.tsx';
import { CodeBlock } from './code-block.tsx';
import { elements } from './elements.tsx';
import { rehypePlugins, remarkPlugins, useMath } from './plugins.ts';
import { createSplitter, splitWhole } from './split.ts';
import { withDollars } from './tex-marks.ts';
import { unfinished } from './unfinished.ts';

/** Of text that looks as if it had formulas in it. */
const formula = /\$\$|\\[([]/;

/** So many pieces, some screens of text, are laid out with each frame. What is further off waits until it is seen. */
const nearPieces = 6;

/** The text in Markdown of an element of the page, for whoever looks at the page from outside. */
export interface WithSource extends HTMLElement {
  source?: string;
}

export function Markdown({
  text,
  isWriting,
}: {
  readonly text: string;
  readonly isWriting: boolean;
}): ReactNode {
  const split = useRef(createSplitter());
  const math = useMath(formula.test(text));
  // What was written before its end keeps its pieces: nothing is made anew when the answer is complete.
  const wasWriting = useRef(isWriting);
  const whole = useMemo(() => (wasWriting.current || isWriting ? null : splitWhole(text)), [text, isWriting]);
  if (isWriting) wasWriting.current = true;
  const { settled, tail, code } = whole
    ? { settled: whole, tail: '', code: null }
    : split.current(text, isWriting);
  const source: RefCallback<WithSource> = (element) => {
    if (element) element.source = text;
  };
  return (
    <div className={isWriting ? 'writing' : undefined} data-testid="message-text" ref={source}>
      {[...settled, ...(tail.trim() === '' ? [] : [tail])].map((piece, at) => (
        <Piece
          // biome-ignore lint/suspicious/noArrayIndexKey: a piece is where it is, and what becomes of the tail stays there
          key={at}
          text={piece}
          isLive={isWriting && at >= settled.length}
          isFar={at < settled.length - nearPieces}
          // Only these are drawn anew when what finds formulas has come.
          math={formula.test(piece) ? math : undefined}
        />
      ))}
      {code && (
        <div className="md">
          <CodeBlock code={code.text} language={code.language} isWriting />
        </div>
      )}
    </div>
  );
}

const Piece = memo(function Piece({
  text,
  isLive,
  isFar,
  math,
}: {
  readonly text: string;
  readonly isLive: boolean;
  readonly isFar: boolean;
  readonly math: ReturnType<typeof useMath>;
}) {
  const asWritten = <p className="md whitespace-pre-wrap">{text}</p>;
  return (
    // A text that the parser cannot take is shown as it was written.
    <Boundary fallback={asWritten}>
      <Streamdown
        className={isFar ? 'md far' : 'md'}
        components={elements}
        controls={false}
        isAnimating={false}
        linkSafety={noLinkSafety}
        parseIncompleteMarkdown={isLive}
        rehypePlugins={rehypePlugins}
        remend={unfinished}
        remarkPlugins={remarkPlugins}
        {...(math ? { plugins: math } : {})}
      >
        {math ? withDollars(text) : text}
      </Streamdown>
    </Boundary>
  );
});

/** Links have a guard of our own: see link.tsx. */
const noLinkSafety = { enabled: false };
