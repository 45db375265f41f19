/**
 * Reads what Redis answers (RESP 2) from the chunks of a socket, for the two places where its cost is felt: the pages of
 * a log, of which a reader that is far behind needs thousands of entries, and the live events of all logs.
 *
 * Chunks are taken as Latin-1, one character per byte, so that lengths in bytes are lengths in characters and a string is
 * a slice of the chunk; only text with bytes beyond ASCII is decoded, as UTF-8. That costs a third of what a decoder
 * does that makes a Buffer of each string first.
 */

import { isAscii } from 'node:buffer';

/** An error that Redis answered, e.g. `LOADING Redis is loading the dataset in memory`. */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';
}

export type Reply = string | number | null | RedisReplyError | readonly Reply[];

/** An array that is still being read. */
interface OpenArray {
  readonly items: Reply[];
  missing: number;
}

/** Calls `onReply` for each reply that is complete. Throws on bytes that are no RESP 2: the connection is of no use then. */
export function createReplyDecoder(onReply: (reply: Reply) => void): (chunk: Buffer) => void {
  let text = '';
  /** Whether all of `text` is ASCII: then no string in it need be looked at. */
  let isPlain = true;
  const open: OpenArray[] = [];

  function take(value: Reply): void {
    let reply = value;
    for (;;) {
      const array = open.at(-1);
      if (!array) {
        onReply(reply);
        return;
      }
      array.items.push(reply);
      array.missing -= 1;
      if (array.missing > 0) return;
      open.pop();
      reply = array.items;
    }
  }

  return (chunk) => {
    isPlain = (text === '' || isPlain) && isAscii(chunk);
    text = text === '' ? chunk.toString('latin1') : text + chunk.toString('latin1');
    let at = 0;
    for (;;) {
      const lineEnd = text.indexOf('\r', at);
      // The line feed belongs to the line.
      if (lineEnd === -1 || lineEnd + 1 >= text.length) break;
      const type = text.charCodeAt(at);
      if (type === bulkType) {
        const length = readInteger(text, at + 1, lineEnd);
        const begin = lineEnd + 2;
        if (length < 0) {
          at = begin;
          take(null);
          continue;
        }
        const end = begin + length;
        if (end + 2 > text.length) break;
        at = end + 2;
        const string = text.slice(begin, end);
        take(isPlain ? string : decodeText(string));
      } else if (type === arrayType) {
        const length = readInteger(text, at + 1, lineEnd);
        at = lineEnd + 2;
        if (length > 0) open.push({ items: [], missing: length });
        else take(length === 0 ? [] : null);
      } else {
        const line = text.slice(at + 1, lineEnd);
        at = lineEnd + 2;
        if (type === integerType) take(Number(line));
        else if (type === statusType) take(line);
        else if (type === errorType) take(new RedisReplyError(decodeText(line)));
        else throw new Error('Redis answered what is no RESP 2');
      }
    }
    text = at === text.length ? '' : text.slice(at);
  };
}

const bulkType = 0x24;
const arrayType = 0x2a;
const integerType = 0x3a;
const statusType = 0x2b;
const errorType = 0x2d;

/** Digits are read one by one: a slice and a `Number` for each length would cost more than the rest of the decoder. */
function readInteger(text: string, from: number, to: number): number {
  if (text.charCodeAt(from) === 0x2d) return -readInteger(text, from + 1, to);
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + text.charCodeAt(at) - 0x30;
  return value;
}

const beyondAscii = /[\x80-\xff]/;

function decodeText(latin1: string): string {
  return beyondAscii.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1;
}
