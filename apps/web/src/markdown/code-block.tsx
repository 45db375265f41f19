/** A block of code: its language, a button that copies it, and colours as soon as the highlighter has come. */
import { memo, type ReactNode, useEffect, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import type { CodeLine, Coloured } from './coloured.ts';
import { highlight, known, knownSoFar } from './highlight.ts';

/** Lines are drawn in groups, and only the last group changes while code is being written. */
const groupLines = 40;

export function CodeBlock({
  code,
  language,
  isWriting = false,
}: {
  readonly code: string;
  readonly language: string;
  readonly isWriting?: boolean;
}): ReactNode {
  const words = useWords();
  const [found, setFound] = useState<Coloured | null>(() => knownSoFar(code, language));

  // What comes late is of an earlier state of the same code, whose lines still hold.
  useEffect(() => {
    highlight(code, language, isWriting, setFound);
  }, [code, language, isWriting]);

  const text = code.endsWith('\n') ? code.slice(0, -1) : code;
  const plain = text.split('\n');
  // What is coloured of an earlier state still holds for its finished lines.
  const colours = known(code, language) ?? (found && code.startsWith(found.code) ? found.lines : []);
  const coloured = Math.min(colours.length, plain.length);
  const groups: ReactNode[] = [];
  for (let from = 0; from < plain.length; from += groupLines) {
    const to = Math.min(from + groupLines, plain.length);
    groups.push(
      to <= coloured ? (
        <Finished key={from} lines={colours} from={from} to={to} isLast={to === plain.length} />
      ) : (
        <Mixed key={from} plain={plain} lines={colours} coloured={coloured} from={from} to={to} />
      ),
    );
  }
  return (
    <div className="overflow-hidden rounded-xl border border-line bg-raised" dir="ltr">
      <div className="flex items-center justify-between ps-4 pe-1.5 pt-1 text-[0.8125rem] text-faint">
        <span className="truncate font-mono">{language || words.markdown.code.toLowerCase()}</span>
        <CopyButton text={() => text} label={words.markdown.copyCode} testId="copy-code" />
      </div>
      <section
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        tabIndex={0}
        aria-label={words.markdown.code}
        className="overflow-x-auto rounded-b-xl px-4 pt-1 pb-3.5 text-[0.84375rem] leading-[1.6] -outline-offset-2"
      >
        <pre>
          <code>{groups}</code>
        </pre>
      </section>
    </div>
  );
}

/** Lines that are coloured, once and for all. */
const Finished = memo(
  function Finished({
    lines,
    from,
    to,
    isLast,
  }: {
    readonly lines: readonly CodeLine[];
    readonly from: number;
    readonly to: number;
    readonly isLast: boolean;
  }) {
    return (
      <span>
        {lines.slice(from, to).map((line, at) => drawLine(line, from + at, isLast && from + at === to - 1))}
      </span>
    );
  },
  (before, after) =>
    before.from === after.from &&
    before.to === after.to &&
    before.isLast === after.isLast &&
    before.lines[before.from] === after.lines[after.from] &&
    before.lines[before.to - 1] === after.lines[after.to - 1],
);

/** Lines of which the last ones have no colours yet. */
function Mixed({
  plain,
  lines,
  coloured,
  from,
  to,
}: {
  readonly plain: readonly string[];
  readonly lines: readonly CodeLine[];
  readonly coloured: number;
  readonly from: number;
  readonly to: number;
}): ReactNode {
  const done = Math.min(Math.max(coloured, from), to);
  const rest = plain.slice(done, to).join('\n');
  return (
    <span>
      {lines.slice(from, done).map((line, at) => drawLine(line, from + at, false))}
      {to === plain.length ? rest : `${rest}\n`}
    </span>
  );
}

function drawLine(line: CodeLine, at: number, isLast: boolean): ReactNode {
  return (
    <span key={at}>
      {line.map((token, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the tokens of a line have no other name
        <span key={place} style={token.style}>
          {token.text}
        </span>
      ))}
      {isLast ? '' : '\n'}
    </span>
  );
}
