/** What the server takes; see the schema of its messages. */
export const messageCharsMax = 100_000;

/** Broken UTF-16 and NUL cannot be stored; nobody types them, but some clipboards hold them. */
export function cleaned(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/** The keyboard of a phone has one key for a new line, and the button that sends is beside it. */
const onGlass = matchMedia('(pointer: coarse) and (hover: none)');

export const enterKeyHint = () => (onGlass.matches ? 'enter' : 'send');

/** Whether this key press sends what stands in the field. */
export function sendsOn(event: KeyboardEvent): boolean {
  if (onGlass.matches) return false;
  // During composition (Chinese, Japanese, Korean) Enter takes a suggestion; it must not send.
  // Safari ends the composition before it tells of the key that ended it, and marks that key by this number only.
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}
