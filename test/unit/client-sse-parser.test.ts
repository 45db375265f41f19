/** The SDK reads event streams as `eventsource-parser` does, of which thousands of projects rely. */
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSseParser } from '../../packages/client/src/sse-parser.ts';

function read(pieces: readonly string[], charsMax = Number.POSITIVE_INFINITY) {
  const retries: number[] = [];
  const parser = createSseParser(charsMax, (ms) => retries.push(ms));
  return { messages: pieces.flatMap((piece) => parser.feed(piece)), retries, parser };
}

function readWithTheirs(text: string) {
  const messages: EventSourceMessage[] = [];
  const retries: number[] = [];
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onRetry: (ms) => retries.push(ms),
  });
  parser.feed(text);
  return {
    messages: messages.map(({ event, id, data }) => ({ event, id, data })),
    retries,
  };
}

const word = fc.constantFrom(
  'data',
  'event',
  'id',
  'retry',
  'delta',
  '1-2',
  '17',
  '{"text":"x"}',
  ' ',
  ':',
  ': ',
  '\n',
  '\n\n',
  '\r',
  '\r\n',
  '\r\n\r\n',
  '\0',
  '你好',
  '👩‍🚀',
  '\u2028',
  'data: ',
  'id: ',
  'event: ',
  'retry: ',
);

test('any text, cut at any places, is read as eventsource-parser reads it in one piece', () => {
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 12 }), (pieces) => {
      const texts = pieces.map((piece) => piece.join(''));
      const whole = `${texts.join('')}\n\n`;
      const { messages, retries } = read([...texts, '\n\n']);
      expect({ messages, retries }).toEqual(readWithTheirs(whole));
    }),
    { numRuns: 2_000 },
  );
});

test('an event without its blank line has not come', () => {
  expect(read(['id: 1\nevent: delta\ndata: a\n']).messages).toEqual([]);
  expect(read(['id: 1\nevent: delta\ndata: a\n', '\r']).messages).toEqual([
    { event: 'delta', id: '1', data: 'a' },
  ]);
});

test('an event longer than it may be is damage, however small its pieces; many events are not', () => {
  const long = Array.from({ length: 30 }, () => 'x'.repeat(10));
  expect(read(['data: ', ...long], 200).parser.isDamaged).toBe(true);
  expect(
    read(
      long.map((piece) => `data: ${piece}\n`),
      200,
    ).parser.isDamaged,
  ).toBe(true);
  expect(
    read(
      long.map((piece) => `data: ${piece}\n\n`),
      200,
    ).parser.isDamaged,
  ).toBe(false);
});
