import { type ReactNode, useEffect } from 'react';
import { useWords } from '../i18n/language.tsx';
import { warmUp } from '../markdown/warm-up.tsx';
import { Mark } from '../ui/mark.tsx';

/** Before the first message: an invitation to ask, and what one might ask. */
export function EmptyState({
  onIdea,
  canWrite,
}: {
  readonly onIdea: (text: string) => void;
  readonly canWrite: boolean;
}): ReactNode {
  const { empty } = useWords();
  useEffect(warmUp, []);
  return (
    <div className="column flex min-h-full flex-col justify-center gap-6 py-8">
      <div className="text-center">
        <Mark className="mx-auto mb-5 size-12" />
        <h2 className="text-[1.75rem] leading-tight font-semibold tracking-tight text-balance">
          {empty.title}
        </h2>
        <p className="mt-2 text-balance text-faint">{empty.hint}</p>
      </div>
      {canWrite && (
        <ul className="mx-auto grid w-full max-w-xl gap-2.5 sm:grid-cols-2">
          {empty.ideas.map((idea) => (
            <li key={idea}>
              <button
                type="button"
                onClick={() => onIdea(idea)}
                className="h-full w-full rounded-2xl border border-line bg-raised px-4 py-3 text-start text-[0.9375rem] leading-snug text-soft transition-colors hover:border-strong-line hover:text-ink"
              >
                {idea}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
