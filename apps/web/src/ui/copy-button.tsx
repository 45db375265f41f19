import { Check, Copy } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { copyText } from '../clipboard.ts';
import { useWords } from '../i18n/language.tsx';
import { IconButton } from './button.tsx';

const saidMs = 2_000;

/** Copies a text, and says for a moment that it has. */
export function CopyButton({
  text,
  label,
  testId = 'copy',
}: {
  readonly text: () => string;
  readonly label?: string;
  readonly testId?: string;
}): ReactNode {
  const words = useWords();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), saidMs);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = () => {
    copyText(text()).then(setCopied, () => {});
  };
  return (
    <>
      <IconButton
        size="small"
        testId={testId}
        label={isCopied ? words.common.copied : (label ?? words.common.copy)}
        onClick={copy}
      >
        {isCopied ? <Check aria-hidden className="text-accent" /> : <Copy aria-hidden />}
      </IconButton>
      <span className="sr-only" role="status">
        {isCopied ? words.common.copied : ''}
      </span>
    </>
  );
}
