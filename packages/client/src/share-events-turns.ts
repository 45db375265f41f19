/** One tab at a time leads: it waits for the lock, leads, and waits again when the lock was taken away from it. */

export interface TurnsParts {
  /** Null: there is nobody to wait for. */
  readonly locks: Pick<LockManager, 'request'> | null;
  readonly name: string;
  /** Leads until the signal is aborted. Rejects when the server refuses. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly onRefused: (error: unknown) => void;
}

export interface Turns {
  /** Takes the lock away from whoever has it. */
  steal(): void;
  /** This tab does not lead (any more), and waits again. */
  yield(): void;
  stop(): void;
}

/** Begins to wait. */
export function takeTurns({ locks, name, lead, onRefused }: TurnsParts): Turns {
  let turn = new AbortController();
  let isStopped = false;
  let steals = false;

  async function take(): Promise<void> {
    while (!isStopped) {
      turn = new AbortController();
      const { signal } = turn;
      const isTheft = steals;
      steals = false;
      let refusal: { readonly error: unknown } | undefined;
      const leadOnce = async () => {
        refusal = await lead(signal).then(
          () => undefined,
          (error: unknown) => (signal.aborted ? undefined : { error }),
        );
      };
      try {
        if (locks) await locks.request(name, isTheft ? { steal: true } : { signal }, leadOnce);
        else await leadOnce();
      } catch {
        // No longer ours, or no longer waited for.
      }
      turn.abort();
      if (!refusal) continue;
      // The next tab leads now, and finds out for itself.
      isStopped = true;
      onRefused(refusal.error);
    }
  }

  void take();
  return {
    steal() {
      steals = true;
      turn.abort();
    },
    yield: () => turn.abort(),
    stop() {
      isStopped = true;
      turn.abort();
    },
  };
}

/** Browsers give locks to pages of HTTPS and of localhost only. */
export function platformLocks(): Pick<LockManager, 'request'> | null {
  const { navigator, BroadcastChannel } = globalThis as Partial<typeof globalThis>;
  return BroadcastChannel ? ((navigator as Partial<Navigator> | undefined)?.locks ?? null) : null;
}
