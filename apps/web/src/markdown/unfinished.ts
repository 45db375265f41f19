/** What is made of Markdown whose end is not there yet, so that its marks do not stand in the text until it is. */
import type { ComponentProps } from 'react';
import type { Streamdown } from 'streamdown';

type Options = NonNullable<ComponentProps<typeof Streamdown>['remend']>;

/** An address by which link.tsx knows a link that is still being written. */
export const unfinishedLink = 'streamdown:incomplete-link';

/** A link whose address is being written, or whose name is: the name of one begins with a letter, `[0, 1)` does not. */
const lastLink =
  /(!?)\[([^[\]\n]{1,300})\]\([^)\n]{0,2000}$|(?<![\p{L}\p{N}_\])])(!?)\[(\p{L}[^[\]\n]{1,200})$/u;

/**
 * Gives the link at the end of `text` an end. Only there: a bracket without its pair further up is a bracket, and what
 * is put behind a later paragraph for its sake would be read by everybody.
 */
export function withLinkEnd(text: string): string {
  const lastLine = text.slice(text.lastIndexOf('\n') + 1);
  const match = lastLink.exec(lastLine);
  // Within code it is code.
  if (!match || (lastLine.slice(0, match.index).split('`').length - 1) % 2 === 1) return text;
  const [whole, picture = '', name, early = '', earlyName] = match;
  const start = text.length - whole.length;
  return `${text.slice(0, start)}${picture || early}[${name ?? earlyName}](${unfinishedLink})`;
}

export const unfinished: Options = {
  links: false,
  images: false,
  handlers: [{ name: 'link at the end', handle: withLinkEnd }],
};
