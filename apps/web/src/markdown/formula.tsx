/**
 * A formula. KaTeX makes nodes of it, whose styles it sets one by one: the content security policy refuses markup with
 * styles in it, also where it is only parsed.
 */
import { type ReactNode, useEffect, useRef, useState } from 'react';

type Katex = typeof import('katex')['default'];

let loading: Promise<Katex> | null = null;

function load(): Promise<Katex> {
  loading ??= Promise.all([import('katex'), import('katex/dist/katex.min.css')])
    .then(([{ default: katex }]) => katex)
    .catch((error: unknown) => {
      // The next formula tries again.
      loading = null;
      throw error;
    });
  return loading;
}

export function Formula({
  tex,
  isDisplay,
}: {
  readonly tex: string;
  readonly isDisplay: boolean;
}): ReactNode {
  const place = useRef<HTMLSpanElement>(null);
  const [isDrawn, setDrawn] = useState(false);
  useEffect(() => {
    let isWanted = true;
    load().then(
      (katex) => {
        if (!isWanted || !place.current) return;
        try {
          // `trust` would let a text make links and set styles.
          const options = {
            displayMode: isDisplay,
            throwOnError: true,
            strict: 'ignore',
            trust: false,
          } as const;
          katex.render(tex, place.current, options);
          setDrawn(true);
        } catch {
          // Half of a formula, or none. KaTeX's own way to say so is a style attribute, which the policy refuses.
          place.current.replaceChildren();
          setDrawn(false);
        }
      },
      // Without it a formula is shown as it was written.
      () => {},
    );
    return () => {
      isWanted = false;
    };
  }, [tex, isDisplay]);
  return (
    <span dir="ltr" className={isDisplay ? 'block' : ''}>
      {!isDrawn && <code>{tex}</code>}
      <span ref={place} />
    </span>
  );
}
