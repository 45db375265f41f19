/** Colours for code. The highlighter and each language are fetched when the first code of that language is seen. */
import type { CSSProperties } from 'react';

export interface CodeToken {
  readonly text: string;
  readonly style: CSSProperties;
}
export type CodeLine = readonly CodeToken[];

/** Longer code stays as it is: colouring a megabyte would hold the page for seconds. */
const charsMax = 60_000;

/** While it is being written, longer code waits for its end. */
const writingCharsMax = 12_000;

/** Of finished blocks; as many as a few long conversations have. */
const keptMax = 200;

/** Themes whose colours have the contrast that WCAG asks for. */
const themeNames = ['github-light-high-contrast', 'github-dark-high-contrast'] as const;

/** Lines and the code that they are all of. */
export interface Coloured {
  readonly code: string;
  readonly lines: readonly CodeLine[];
}

type Plugin = typeof import('@streamdown/code')['code'];
let plugin: Promise<Plugin> | null = null;

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

function load(): Promise<Plugin> {
  plugin ??= import('@streamdown/code')
    .then(({ createCodePlugin }) => createCodePlugin({ themes: [...themeNames] }))
    .catch((error: unknown) => {
      // The next block tries again.
      plugin = null;
      throw error;
    });
  return plugin;
}

/** Colours the code and tells the lines, unless it is stopped before (by what it returns) or has no such language. */
export function highlight(
  code: string,
  language: string,
  isWriting: boolean,
  onLines: (coloured: Coloured) => void,
): () => void {
  let isWanted = true;
  if (language === '' || code.length > (isWriting ? writingCharsMax : charsMax) || known(code, language)) {
    return () => {};
  }
  load().then(
    (loaded) => {
      type Language = Parameters<Plugin['supportsLanguage']>[0];
      const name = language.toLowerCase() as Language;
      if (!isWanted || !loaded.supportsLanguage(name)) return;
      const take = (result: ReturnType<Plugin['highlight']>) => {
        if (!result) return;
        const lines = result.tokens.map((line) => line.map(tokenOf));
        if (!isWriting) keep(nameOf(code, language), lines);
        // The colours of a line may change until it has its end.
        const finished = code.slice(0, code.lastIndexOf('\n') + 1);
        const coloured = isWriting ? { code: finished, lines: lines.slice(0, -1) } : { code, lines };
        if (isWriting) latest = { ...coloured, language };
        if (isWanted) onLines(coloured);
      };
      const options = { code, language: name, themes: [...themeNames], isIncomplete: isWriting };
      take(loaded.highlight(options as Parameters<Plugin['highlight']>[0], take));
    },
    // Without colours it is still code.
    () => {},
  );
  return () => {
    isWanted = false;
  };
}

function keep(name: string, lines: readonly CodeLine[]): void {
  if (kept.size >= keptMax) {
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  kept.set(name, lines);
}

/** Both colours at once: the page turns dark without colouring anything again. */
function tokenOf(token: {
  readonly content: string;
  readonly color?: string | undefined;
  readonly htmlStyle?: string | Record<string, string> | undefined;
}): CodeToken {
  const { content: text, color, htmlStyle } = token;
  const style = typeof htmlStyle === 'object' ? htmlStyle : {};
  const light = style['color'] ?? color;
  const dark = style['--shiki-dark'] ?? light;
  const isItalic = style['font-style'] === 'italic';
  return {
    text,
    style: {
      ...(light === undefined ? {} : { color: `light-dark(${light}, ${dark})` }),
      ...(isItalic ? { fontStyle: 'italic' } : {}),
    },
  };
}
