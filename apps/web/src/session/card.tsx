import type { ReactNode } from 'react';
import { Mark } from '../ui/mark.tsx';

/** A page with one thing on it. */
export function Card({
  lead,
  children,
}: {
  readonly lead: string;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <main data-testid="gate" className="grid h-dvh place-items-center overflow-y-auto p-4">
      <div className="w-full max-w-[25rem] rounded-3xl border border-line bg-raised px-6 py-8 shadow-card sm:px-8">
        <Mark className="mb-4 size-10" />
        <h1 className="text-2xl font-semibold tracking-tight">Holdfast</h1>
        <p data-testid="gate-lead" className="mt-1 mb-6 break-words text-soft" dir="auto">
          {lead}
        </p>
        {children}
      </div>
    </main>
  );
}
