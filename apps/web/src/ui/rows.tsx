import type { ReactNode } from 'react';

export function Rows({
  children,
  testId,
}: {
  readonly children: ReactNode;
  readonly testId?: string;
}): ReactNode {
  return (
    <ul
      data-testid={testId}
      className="divide-y divide-line overflow-hidden rounded-xl border border-line empty:hidden"
    >
      {children}
    </ul>
  );
}

/** A line with what it is about, and what can be done about it. */
export function Row({
  children,
  action,
  onAction,
  aside,
}: {
  readonly children: ReactNode;
  readonly action?: string | null;
  readonly onAction?: () => void;
  readonly aside?: ReactNode;
}): ReactNode {
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-3.5 py-2 text-[0.9375rem]">
      <span className="min-w-0 flex-1 break-words" dir="auto">
        {children}
      </span>
      {aside}
      {action && (
        <button
          type="button"
          onClick={onAction}
          className="shrink-0 rounded-lg px-2.5 py-1 text-soft transition-colors hover:bg-hover hover:text-ink"
        >
          {action}
        </button>
      )}
    </li>
  );
}
