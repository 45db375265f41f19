import type { ReactNode } from 'react';

/** The mark of the product: what holds a rope fast. Decoration: its name stands beside it. */
export function Mark({ className = 'size-6' }: { readonly className?: string }): ReactNode {
  return (
    <svg viewBox="0 0 32 32" className={className} aria-hidden fill="none">
      <rect width="32" height="32" rx="9" className="fill-accent" />
      <path
        d="M16 8.5v15M9 17.5c0 4 3.2 6 7 6s7-2 7-6M12.5 12h7"
        className="stroke-on-accent"
        strokeWidth="2.25"
        strokeLinecap="round"
      />
      <circle cx="16" cy="8" r="1.75" className="fill-on-accent" />
    </svg>
  );
}
