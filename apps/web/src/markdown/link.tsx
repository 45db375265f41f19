/** A link of an answer. It says where it leads before it leads there, and the other side does not learn from where. */
import { type MouseEvent, type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Button } from '../ui/button.tsx';
import { Modal } from '../ui/modal.tsx';
import { unfinishedLink } from './unfinished.ts';

const allowed = new Set(['http:', 'https:', 'mailto:']);

/** The address that a text names, if it is of a kind that may be opened; else null. */
export function safeUrl(address: string | undefined): URL | null {
  const url = URL.parse(address ?? '', location.href);
  return url && allowed.has(url.protocol) ? url : null;
}

export function Link({
  href,
  children,
}: {
  readonly href?: string | undefined;
  readonly children?: ReactNode;
}): ReactNode {
  const words = useWords();
  const [asks, setAsks] = useState(false);
  if (href?.startsWith('#')) return <InnerLink name={href.slice(1)}>{children}</InnerLink>;
  // Half of a link that is still being written, or one that may not be opened.
  const url = href === unfinishedLink ? null : safeUrl(href);
  if (!url) return <span>{children}</span>;
  const ask = (event: MouseEvent) => {
    event.preventDefault();
    setAsks(true);
  };
  return (
    <>
      <a href={url.href} target="_blank" rel="noopener noreferrer nofollow" onClick={ask} onAuxClick={ask}>
        {children}
      </a>
      {asks && (
        <Modal title={words.markdown.openTitle} onClose={() => setAsks(false)} testId="link-dialog">
          <p className="text-soft">{words.markdown.openHint}</p>
          <p
            className="my-4 max-h-40 overflow-y-auto rounded-lg bg-sunken p-3 font-mono text-sm break-all"
            dir="ltr"
          >
            {url.href}
          </p>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setAsks(false)}>{words.common.cancel}</Button>
            <Button
              kind="primary"
              onClick={() => {
                setAsks(false);
                window.open(url.href, '_blank', 'noopener,noreferrer');
              }}
            >
              {words.markdown.open}
            </Button>
          </div>
        </Modal>
      )}
    </>
  );
}

/** To a footnote and back: within the answer, and not by the address, which names the conversation. */
function InnerLink({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactNode {
  const go = ({ currentTarget }: MouseEvent<HTMLButtonElement>) => {
    const answer = currentTarget.closest('[data-testid=message-text]');
    answer?.querySelector(`[id="${CSS.escape(name)}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <button type="button" className="text-accent underline underline-offset-2" onClick={go}>
      {children}
    </button>
  );
}
