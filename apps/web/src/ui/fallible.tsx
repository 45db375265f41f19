/** Parts that may fail: a file that does not come (in a tunnel, after a new release), or a mistake of ours. */
import { Component, type ReactNode, Suspense } from 'react';
import { useWords } from '../i18n/language.tsx';

interface Props {
  readonly children: ReactNode;
  /** What stands there instead. */
  readonly fallback: ReactNode;
}

/** Keeps a mistake in one part from taking the whole page away. */
export class Boundary extends Component<Props, { readonly isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError(): { isBroken: boolean } {
    return { isBroken: true };
  }

  override render(): ReactNode {
    return this.state.isBroken ? this.props.fallback : this.props.children;
  }
}

/** A part that is fetched when it is wanted. Another `key` tries again. */
export function Fallible({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <Boundary fallback={<Broken />}>
      <Suspense>{children}</Suspense>
    </Boundary>
  );
}

function Broken(): ReactNode {
  const words = useWords();
  return (
    <p
      role="alert"
      className="fixed inset-x-4 bottom-4 z-50 mx-auto max-w-md rounded-xl bg-bad-tint px-4 py-3 text-bad shadow-float"
    >
      {words.problems.unexpected}
    </p>
  );
}
