/**
 * Who uses this page. Its states:
 *
 * unknown    the server is being asked; `problem`: it does not answer, and is asked again
 * signed-out nobody is signed in
 * signed-in  somebody is
 */
import { type Client, type CurrentUser, createClient } from '@holdfast/client';
import { useSyncExternalStore } from 'react';
import { rememberUser } from '../kept.ts';
import { codeOf, isRetryable } from '../problems.ts';

export type Session =
  | { readonly state: 'unknown'; readonly problem: unknown }
  /** `hasEnded`: somebody was, until just now. */
  | { readonly state: 'signed-out'; readonly hasEnded: boolean; readonly problem: unknown }
  | { readonly state: 'signed-in'; readonly user: CurrentUser };

/** Between two attempts to learn who is there; the client itself has tried several times before. */
const askAgainMs = 3_000;

let session: Session = { state: 'unknown', problem: null };
const listeners = new Set<() => void>();

function become(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

/** Every answer that says that nobody is signed in leads to the gate, whoever asked. */
async function watchedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (
    response.status === 401 &&
    session.state === 'signed-in' &&
    !new URL(response.url).pathname.startsWith('/api/auth/')
  ) {
    become({ state: 'signed-out', hasEnded: true, problem: null });
  }
  return response;
}

export const client: Client = createClient({ fetch: watchedFetch });

/** Somebody has signed in, or is known by another name now. */
export function signIn(user: CurrentUser): void {
  rememberUser(user.id);
  become({ state: 'signed-in', user });
}

/** The user has logged out. */
export function signOut(): void {
  become({ state: 'signed-out', hasEnded: false, problem: null });
}

let asking: Promise<void> | null = null;

/** Asks the server who is there, until it answers. */
export function findOut(): Promise<void> {
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

async function ask(): Promise<void> {
  for (;;) {
    try {
      const user = await client.me();
      if (session.state !== 'signed-in') signIn(user);
      return;
    } catch (error) {
      if (session.state === 'signed-in') return;
      if (!isRetryable(error)) {
        // Whoever came and is nobody is welcome; any other refusal has a reason to be told.
        const problem = codeOf(error) === 'unauthenticated' ? null : error;
        if (session.state === 'unknown') become({ state: 'signed-out', hasEnded: false, problem });
        return;
      }
      if (session.state !== 'unknown') return;
      become({ state: 'unknown', problem: error });
    }
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}

/** Somebody may have signed in in another tab while nobody looked at this one. */
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible' && session.state === 'signed-out') void findOut();
});

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => session,
  );
}
