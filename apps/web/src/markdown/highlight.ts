/**
 * Colours for code. The worker that makes them is started when the first code is seen, and fetches each language when
 * the first code of it is seen.
 */
import type { CodeLine, Coloured } from './coloured.ts';
import type { ColourReply, ColourRequest } from './highlight-worker.ts';

/** Longer code stays as it is: a megabyte would take seconds, and as many objects as letters. */
const charsMax = 60_000;

/** While it is being written, longer code waits for its end. */
const writingCharsMax = 12_000;

/** Of finished blocks; as many as a few long conversations have. */
const keptMax = 200;

const kept = new Map<string, readonly CodeLine[]>();
const nameOf = (code: string, language: string) => `${language}\n${code}`;

/** The lines of code that was coloured before. */
export function known(code: string, language: string): readonly CodeLine[] | null {
  return kept.get(nameOf(code, language)) ?? null;
}

/** The finished lines of the code that is being written: it is drawn anew when its end comes, and must not lose its colours. */
let latest: Coloured & { readonly language: string } = { code: '', language: '', lines: [] };

/** What was coloured of this code while it was being written. */
export function knownSoFar(code: string, language: string): Coloured | null {
  return language === latest.language && code.startsWith(latest.code) ? latest : null;
}

interface Waiting {
  resolve(lines: ColourReply['lines']): void;
  reject(reason: unknown): void;
}

let worker: Worker | null = null;
let askedLast = 0;
/** By the id of the request. */
const waiting = new Map<number, Waiting>();

function startWorker(): Worker {
  const started = new Worker(new URL('./highlight-worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener('message', ({ data }: MessageEvent<ColourReply>) => {
    waiting.get(data.id)?.resolve(data.lines);
    waiting.delete(data.id);
  });
  // It could not be fetched. The next block tries again.
  started.addEventListener('error', (event) => {
    started.terminate();
    worker = null;
    for (const { reject } of waiting.values()) reject(event);
    waiting.clear();
  });
  return started;
}

function ask(request: Omit<ColourRequest, 'id'>): Promise<ColourReply['lines']> {
  worker ??= startWorker();
  askedLast += 1;
  worker.postMessage({ ...request, id: askedLast } satisfies ColourRequest);
  return new Promise((resolve, reject) => waiting.set(askedLast, { resolve, reject }));
}

/** Colours code and tells its lines, unless there is no such language. */
export function highlight(
  code: string,
  language: string,
  isWriting: boolean,
  onLines: (coloured: Coloured) => void,
): void {
  if (language === '' || code.length > (isWriting ? writingCharsMax : charsMax) || known(code, language))
    return;
  const colouring = isWriting
    ? colourGrowing({ code, language, onLines })
    : colourWhole({ code, language, onLines });
  // Without colours it is still code.
  colouring.catch(() => {});
}

interface Wanted {
  readonly code: string;
  readonly language: string;
  readonly onLines: (coloured: Coloured) => void;
}

async function colourWhole({ code, language, onLines }: Wanted): Promise<void> {
  const lines = await ask({ code, language, isWriting: false, from: 0 });
  if (!lines) return;
  keep(nameOf(code, language), lines);
  onLines({ code, lines });
}

let isColouring = false;
let wantedNext: Wanted | null = null;

/** One state of it after the other; when it grows faster than it is coloured, only the latest. */
async function colourGrowing(wanted: Wanted): Promise<void> {
  wantedNext = wanted;
  if (isColouring) return;
  isColouring = true;
  try {
    while (wantedNext) {
      const { code, language, onLines } = wantedNext;
      wantedNext = null;
      // The same lines stay the same objects: what is drawn of them is not drawn again.
      const before = knownSoFar(code, language)?.lines ?? [];
      const lines = await ask({ code, language, isWriting: true, from: before.length });
      if (!lines) continue;
      latest = { code: code.slice(0, code.lastIndexOf('\n') + 1), language, lines: [...before, ...lines] };
      onLines(latest);
    }
  } finally {
    isColouring = false;
  }
}

function keep(name: string, lines: readonly CodeLine[]): void {
  if (kept.size >= keptMax) {
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  kept.set(name, lines);
}
