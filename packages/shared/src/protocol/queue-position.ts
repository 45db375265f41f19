/** Where a run stands that waits for its turn (docs/PROTOCOL.md, section 11). Told to its readers; no entry of its log. */
export interface QueuePosition {
  /** From 1. It only falls, unless a run of a higher priority comes. */
  readonly position: number;
  /** Milliseconds until its turn, as far as one can tell; null: too few runs have started lately. */
  readonly estimatedMs: number | null;
}
