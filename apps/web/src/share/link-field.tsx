import type { ReactNode } from 'react';
import { CopyButton } from '../ui/copy-button.tsx';
import { fieldShape } from '../ui/field.tsx';

/** An address to pass on: marked at once for whoever copies by hand. */
export function LinkField({
  url,
  label,
  testId,
}: {
  readonly url: string;
  readonly label: string;
  readonly testId: string;
}): ReactNode {
  return (
    <div className="flex items-center gap-2">
      <input
        readOnly
        value={url}
        aria-label={label}
        data-testid={`${testId}-url`}
        dir="ltr"
        onFocus={({ target }) => target.select()}
        className={`${fieldShape} font-mono text-sm!`}
      />
      <CopyButton text={() => url} testId={`${testId}-copy`} />
    </div>
  );
}
