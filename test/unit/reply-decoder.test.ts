import { createReplyDecoder, RedisReplyError, type Reply } from '@holdfast/shared/run-log/reply-decoder.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** A reply as Redis writes it (RESP 2). */
function encode(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string') return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (reply instanceof RedisReplyError) return `-${reply.message}\r\n`;
  return `*${reply.length}\r\n${reply.map(encode).join('')}`;
}

function decodeIn(chunks: readonly Buffer[]): Reply[] {
  const replies: Reply[] = [];
  const decode = createReplyDecoder((reply) => replies.push(reply));
  for (const chunk of chunks) decode(chunk);
  return replies;
}

const { reply } = fc.letrec<{ reply: Reply; leaf: Reply; array: Reply }>((tie) => ({
  reply: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('array')),
  array: fc.array(tie('reply'), { maxLength: 5 }),
  leaf: fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('', '\r\n', '$3\r\nabc\r\n', 'día 你好 🎈', '\u0000', '*-1'),
    fc.constantFrom('LOADING Redis is loading', 'ERR día').map((words) => new RedisReplyError(words)),
  ),
}));

describe('the decoder of Redis replies', () => {
  it('gives the replies that were written, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
        (replies, cuts) => {
          const bytes = Buffer.from(replies.map(encode).join(''));
          const places = [
            0,
            ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
            bytes.length,
          ];
          const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
          expect(decodeIn(chunks)).toEqual(replies);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives them byte by byte, too', () => {
    const replies: Reply[] = [[['1-17', ['t', 'delta', 'd', '{"text":"你"}']]], null, [], 7, 'é'];
    const bytes = Buffer.from(replies.map(encode).join(''));
    expect(decodeIn([...bytes].map((byte) => Buffer.from([byte])))).toEqual(replies);
  });

  it('takes status lines for text, and a null array for null', () => {
    expect(decodeIn([Buffer.from('+OK\r\n*-1\r\n')])).toEqual(['OK', null]);
  });

  it('throws on what is no RESP 2, such as the maps of RESP 3', () => {
    expect(() => decodeIn([Buffer.from('%1\r\n')])).toThrow('no RESP 2');
  });
});
