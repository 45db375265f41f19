/**
 * Colours code beside the page: a highlighter that is just made, and a language that is just read, take a tenth of a
 * second, for which nobody could scroll or type.
 */
import { createCodePlugin } from '@streamdown/code';
import type { CodeLine, CodeToken } from './coloured.ts';

export interface ColourRequest {
  readonly id: number;
  readonly code: string;
  readonly language: string;
  /** Its last line may still grow, and is not told. */
  readonly isWriting: boolean;
  /** As many lines are known already, and are not told again. */
  readonly from: number;
}

export interface ColourReply {
  readonly id: number;
  /** Null: there is no such language. */
  readonly lines: readonly CodeLine[] | null;
}

/** Themes whose colours have the contrast that WCAG asks for. */
const themes = ['github-light-high-contrast', 'github-dark-high-contrast'] as const;

const plugin = createCodePlugin({ themes: [...themes] });
type Options = Parameters<typeof plugin.highlight>[0];
type Result = NonNullable<ReturnType<typeof plugin.highlight>>;

addEventListener('message', ({ data }: MessageEvent<ColourRequest>) => {
  const { id, code, isWriting, from } = data;
  const language = data.language.toLowerCase() as Options['language'];
  const reply = (lines: ColourReply['lines']) => postMessage({ id, lines } satisfies ColourReply);
  if (!plugin.supportsLanguage(language)) return reply(null);
  const take = ({ tokens }: Result) => {
    const told = isWriting ? tokens.slice(from, -1) : tokens.slice(from);
    reply(told.map((line) => line.map(tokenOf)));
  };
  const result = plugin.highlight({ code, language, themes: [...themes], isIncomplete: isWriting }, take);
  if (result) take(result);
});

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
