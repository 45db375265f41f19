/** Code with its colours. */
import type { CSSProperties } from 'react';

export interface CodeToken {
  readonly text: string;
  readonly style: CSSProperties;
}

export type CodeLine = readonly CodeToken[];

/** Lines and the code that they are all of. */
export interface Coloured {
  readonly code: string;
  readonly lines: readonly CodeLine[];
}
