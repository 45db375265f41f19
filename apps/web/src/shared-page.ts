/**
 * What a public link shows: the conversation, read-only, with the answer that is being written. Who reads it is not
 * signed in, so nothing tells of new messages; the page asks now and then.
 */
import { type Client, ProblemError, UnreachableError } from '@holdfast/client';
import { endingOf, sentenceOf } from './sentences.ts';
import { type ThreadRun, toThread } from './thread.ts';
import { createThreadView } from './thread-view.ts';

/** A question of the owner's appears soon, and a thousand idle readers cost 250 requests a second. */
const askEveryMs = 4_000;

export interface SharedParts {
  readonly client: Client;
  readonly log: HTMLElement;
  readonly onTitle: (title: string | null) => void;
  /** A sentence for people; null takes it away. */
  readonly onNotice: (sentence: string | null) => void;
  readonly onGrowth: () => void;
}

/** Shows it until the signal is aborted or the link is gone; resolves then. */
export async function showShared(token: string, parts: SharedParts, signal: AbortSignal): Promise<void> {
  const { client } = parts;
  const view = createThreadView({
    log: parts.log,
    onGrowth: parts.onGrowth,
    surround: (entry) => ({ author: null, sentence: entry.role === 'user' ? null : endingOf(entry) }),
  });
  view.clear();
  const followed = new Set<string>();
  let wake = () => {};

  /** Until it ends or nobody looks: browsers have six connections for all tabs of an origin together (HTTP/1.1). */
  async function follow(run: ThreadRun): Promise<void> {
    const looking = new AbortController();
    const end = () => {
      if (signal.aborted || document.visibilityState === 'hidden') looking.abort();
    };
    document.addEventListener('visibilitychange', end);
    signal.addEventListener('abort', end);
    try {
      const cursor = view.answers.get(run.id)?.cursor ?? null;
      for await (const event of client.followRun(run, { cursor, signal: looking.signal })) {
        if (signal.aborted) return;
        view.apply(run.id, event);
      }
    } catch {
      // Revoked, or ended and gone: what is asked next tells.
      followed.delete(run.id);
    } finally {
      document.removeEventListener('visibilitychange', end);
      signal.removeEventListener('abort', end);
    }
    wake();
  }

  for (;;) {
    try {
      const shared = await client.shared(token, { signal });
      parts.onTitle(shared.title);
      parts.onNotice(null);
      const thread = toThread(shared);
      view.show(thread);
      const [run] = thread.runs;
      if (run && !followed.has(run.id) && document.visibilityState !== 'hidden') {
        followed.add(run.id);
        void follow(run);
      }
    } catch (error) {
      if (signal.aborted) return;
      parts.onNotice(sentenceOf(error));
      if (isGone(error)) {
        parts.onTitle(null);
        return view.clear();
      }
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, askEveryMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
    });
    await whenSeen(signal);
    if (signal.aborted) return;
  }
}

function isGone(error: unknown): boolean {
  return !(error instanceof UnreachableError) && !(error instanceof ProblemError && error.retryable);
}

/** Nobody looks at a hidden page, so it asks for nothing. */
function whenSeen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState === 'hidden' && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
    look();
  });
}
