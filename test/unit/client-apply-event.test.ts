import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, applyEvent, emptyAnswer } from '../../packages/client/src/apply-event.ts';
import { type ReceivedEvent, readEvent } from '../../packages/client/src/received-event.ts';

const started: ReceivedEvent = { id: '1-0', type: 'started', data: { runId: 'r', model: 'm' } };
const delta = (id: string, text: string): ReceivedEvent => ({ id, type: 'delta', data: { text } });
const snapshot = (id: string, text: string): ReceivedEvent => ({ id, type: 'snapshot', data: { text } });
const usage = { inputTokens: 9, outputTokens: 2, estimated: false };
const completed = (id: string): ReceivedEvent => ({
  id,
  type: 'completed',
  data: { messageId: 'answer', finishReason: 'stop', usage },
});

const fold = (events: readonly ReceivedEvent[], from: Answer = emptyAnswer) =>
  events.reduce(applyEvent, from);

test('started, deltas and completed make the whole answer', () => {
  expect(fold([started, delta('1-1', 'Hold'), delta('1-2', 'fast'), completed('1-3')])).toEqual({
    text: 'Holdfast',
    status: 'completed',
    failure: null,
    cursor: '1-3',
    usage,
    finishReason: 'stop',
    messageId: 'answer',
  });
});

test('a snapshot replaces the text, also one whose id precedes what was seen', () => {
  const before = fold([started, delta('1-1', 'Hold'), delta('1-2', 'fast')]);
  expect(applyEvent(before, snapshot('2-0', ''))).toMatchObject({
    text: '',
    cursor: '2-0',
    status: 'running',
  });
  expect(fold([snapshot('1-1', 'Hold'), delta('1-2', 'ing')], before)).toMatchObject({
    text: 'Holding',
    cursor: '1-2',
  });
});

test('a delta that was applied before changes nothing', () => {
  const answer = fold([started, delta('1-1', 'Hold'), delta('1-2', 'fast')]);
  expect(applyEvent(answer, delta('1-2', 'fast'))).toBe(answer);
  expect(applyEvent(answer, delta('1-1', 'Hold'))).toBe(answer);
  expect(applyEvent(answer, started)).toBe(answer);
});

test('a delta behind a hole is not applied and the cursor stays before the hole', () => {
  const answer = fold([started, delta('1-1', 'Hold')]);
  expect(applyEvent(answer, delta('1-3', '!'))).toBe(answer);
  expect(applyEvent(answer, delta('2-1', '!'))).toBe(answer);
  expect(applyEvent(emptyAnswer, delta('1-1', '!'))).toBe(emptyAnswer);
});

test('an event type of a later version changes no text but keeps its place', () => {
  const answer = fold([
    started,
    { id: '1-1', type: 'unknown', name: 'tool', json: '{}' },
    delta('1-2', 'ok'),
  ]);
  expect(answer).toMatchObject({ text: 'ok', cursor: '1-2' });
});

test('a failure keeps the text and says why', () => {
  const failed: ReceivedEvent = {
    id: '1-2',
    type: 'failed',
    data: { messageId: 'answer', code: 'upstream_idle', message: 'It stopped.', usage: null },
  };
  expect(fold([started, delta('1-1', 'Hold'), failed])).toMatchObject({
    text: 'Hold',
    status: 'failed',
    failure: { code: 'upstream_idle', message: 'It stopped.' },
  });
});

test('nothing is applied after the end', () => {
  const cancelled: ReceivedEvent = {
    id: '1-1',
    type: 'cancelled',
    data: { messageId: 'answer', usage: null },
  };
  const answer = fold([started, cancelled]);
  expect(fold([delta('1-2', 'late'), snapshot('2-0', 'late'), completed('2-1')], answer)).toBe(answer);
});

test('ids of another form are opaque: applied in the order in which they come', () => {
  const answer = fold([snapshot('a', 'x'), delta('b', 'y'), delta('b', 'y'), delta('c', 'z')]);
  expect(answer).toMatchObject({ text: 'xyz', cursor: 'c' });
});

test('however events repeat and go missing, the text is a prefix of what was written', () => {
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 });
  const picks = fc.array(fc.nat(30), { maxLength: 60 });
  fc.assert(
    fc.property(pieces, picks, (texts, order) => {
      const log = [started, ...texts.map((text, at) => delta(`1-${at + 1}`, text))];
      const whole = texts.join('');
      let answer = emptyAnswer;
      for (const pick of order) {
        answer = applyEvent(answer, log[pick % log.length] as ReceivedEvent);
        expect(whole.startsWith(answer.text)).toBe(true);
      }
      expect(fold(log, answer).text).toBe(whole);
    }),
  );
});

describe('reading an SSE message', () => {
  test('without an id it is no event of a log', () => {
    expect(readEvent({ event: 'delta', data: '{"text":"x"}' })).toBeNull();
    expect(readEvent({ event: 'delta', id: '', data: '{"text":"x"}' })).toBeNull();
  });

  test('an unknown type is handed on unread, whatever its data', () => {
    expect(readEvent({ event: 'tool', id: '1-1', data: 'not json' })).toEqual({
      id: '1-1',
      type: 'unknown',
      name: 'tool',
      json: 'not json',
    });
    expect(readEvent({ event: 'constructor', id: '1-1', data: '{}' })).toMatchObject({ type: 'unknown' });
  });

  test.each(['', 'not json', 'null', '"text"', '{}', '{"text":1}'])(
    'a delta with data %j is refused',
    (data) => {
      expect(() => readEvent({ event: 'delta', id: '1-1', data })).toThrow(TypeError);
    },
  );
});
