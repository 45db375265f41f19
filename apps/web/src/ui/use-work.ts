import { useCallback, useEffect, useRef, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { sentenceOf } from '../problems.ts';

export interface Work {
  readonly isBusy: boolean;
  /** What went wrong the last time, for people. */
  readonly problem: string | null;
  /** Does it, and tells what goes wrong. Resolves to whether it worked. The signal is aborted when the part leaves the page. */
  readonly run: (work: (signal: AbortSignal) => Promise<unknown>) => Promise<boolean>;
  readonly forget: () => void;
}

/** Calls of a part of the page: one sentence for what fails, and nothing is shown any more once the part has gone. */
export function useWork(): Work {
  const words = useWords();
  const [busy, setBusy] = useState(0);
  const [problem, setProblem] = useState<string | null>(null);
  const here = useRef<AbortController | null>(null);
  useEffect(() => {
    // What is within this part may have begun to work before: effects run from the inside out.
    if (!here.current || here.current.signal.aborted) here.current = new AbortController();
    const { current } = here;
    return () => current.abort();
  }, []);

  const run = useCallback<Work['run']>(
    async (work) => {
      here.current ??= new AbortController();
      const { signal } = here.current;
      setBusy((count) => count + 1);
      setProblem(null);
      try {
        await work(signal);
        return true;
      } catch (error) {
        if (!signal.aborted) setProblem(sentenceOf(words, error));
        return false;
      } finally {
        if (!signal.aborted) setBusy((count) => count - 1);
      }
    },
    [words],
  );
  return { isBusy: busy > 0, problem, run, forget: useCallback(() => setProblem(null), []) };
}
