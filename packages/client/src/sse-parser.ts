/** Reads an event stream as it comes, piece by piece: WHATWG HTML, 9.2.6 "Interpreting an event stream". */

/** One event. What the stream did not say of it is undefined; in particular, an id is not that of an event before. */
export interface SseMessage {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: string;
}

export interface SseParser {
  /** The messages that this piece completes. */
  feed(text: string): SseMessage[];
  /** One event is longer than `charsMax`: what follows cannot be relied on. */
  readonly isDamaged: boolean;
}

/** `onRetry` is called with each `retry:` field, in milliseconds. */
export function createSseParser(charsMax: number, onRetry: (ms: number) => void): SseParser {
  /** The line that has not ended yet, in the pieces in which it came: to join them each time would take their square. */
  let pieces: string[] = [];
  let chars = 0;
  let endedInCr = false;
  let data: string[] = [];
  let event: string | undefined;
  let id: string | undefined;

  function take(line: string, messages: SseMessage[]): void {
    if (line === '') {
      // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return."
      if (data.length > 0) messages.push({ event, id, data: data.join('\n') });
      data = [];
      event = id = undefined;
      chars = 0;
      return;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value || undefined;
    // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value."
    else if (name === 'id') id = value.includes('\0') ? id : value;
    // "If the field value consists of only ASCII digits"
    else if (name === 'retry' && /^\d+$/.test(value)) onRetry(Number(value));
  }

  return {
    get isDamaged() {
      return chars > charsMax;
    },
    feed(text) {
      const messages: SseMessage[] = [];
      // "one leading U+FEFF BYTE ORDER MARK character": TextDecoder has taken it. A CR before a LF has ended the line.
      const rest = endedInCr && text[0] === '\n' ? text.slice(1) : text;
      if (text !== '') endedInCr = text.endsWith('\r');
      const lines = rest.split(/\r\n|\r|\n/);
      const last = lines.pop() ?? '';
      for (const line of lines) {
        chars += line.length;
        take(pieces.join('') + line, messages);
        pieces = [];
      }
      pieces.push(last);
      chars += last.length;
      return messages;
    },
  };
}
