/**
 * A picture of an answer. To fetch it would tell somebody else's server that, and when, this answer is read, and what
 * the model put into the address: the page fetches none by itself, and its policy would not let it. A click opens it, in a
 * tab of its own.
 */
import { ImageIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Link, safeUrl } from './link.tsx';

export function Picture({
  src,
  alt,
}: {
  readonly src?: string | Blob | undefined;
  readonly alt?: string | undefined;
}): ReactNode {
  const words = useWords();
  const url = safeUrl(typeof src === 'string' ? src : undefined);
  const label = alt || words.markdown.picture;
  if (!url) return <span className="text-faint">[{label}]</span>;
  return (
    <span
      title={words.markdown.pictureBlocked}
      className="inline-flex max-w-full flex-wrap items-center gap-x-2 rounded-lg border border-line bg-sunken px-3 py-1.5 text-sm align-middle"
    >
      <span className="inline-flex min-w-0 items-center gap-2">
        <ImageIcon aria-hidden className="size-4 shrink-0 text-faint" />
        {label}
      </span>
      <Link href={url.href}>{words.markdown.showPicture(url.host)}</Link>
    </span>
  );
}
