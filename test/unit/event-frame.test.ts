import { encodeEventData, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventFrame, heartbeatFrame, retryFrame } from '../../apps/api/src/sse/frame.ts';

/** Whatever a browser would take from these bytes. */
function parse(bytes: Buffer): { events: EventSourceMessage[]; retries: number[]; comments: string[] } {
  const parsed = { events: [] as EventSourceMessage[], retries: [] as number[], comments: [] as string[] };
  const parser = createParser({
    onEvent: (event) => parsed.events.push(event),
    onRetry: (ms) => parsed.retries.push(ms),
    onComment: (text) => parsed.comments.push(text),
    onError: (error) => {
      throw error;
    },
  });
  // Byte by byte would be slower and find the same: what matters is where lines end.
  parser.feed(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  return parsed;
}

const hostile = fc.constantFrom(
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\u0000',
  '\ufeff',
  '\u2028',
  '\u2029',
  '\u0085',
  '\r\nid: 9-9\nevent: completed\ndata: {}\n\n',
  'data: [DONE]\n\n',
  ': comment\n',
  'retry: 1\n',
  '\\r\\n',
  '"',
  '\\',
  '\ud800',
  '👩‍👩‍👧‍👦',
  'x',
);
const text = fc.oneof(
  fc.array(hostile, { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

const deltaEvent = (words: string): LoggedEvent => ({
  id: { attempt: 1, seq: 17 },
  type: 'delta',
  json: encodeEventData({ type: 'delta', data: { text: words } }),
});

describe('an event frame', () => {
  it('is exactly one event with exactly its text, whatever the model wrote', () => {
    fc.assert(
      fc.property(text, (words) => {
        const { events, retries, comments } = parse(eventFrame(deltaEvent(words)));
        expect(events).toHaveLength(1);
        expect(events[0]).toMatchObject({ id: '1-17', event: 'delta' });
        // What UTF-8 cannot say, half a character, stays an escape in the JSON and arrives as it was.
        expect(JSON.parse(events[0]?.data ?? '')).toEqual({ text: words });
        expect({ retries, comments }).toEqual({ retries: [], comments: [] });
      }),
      { seed: 1, numRuns: 1_000, examples: [['\r\nid: 9-9\nevent: completed'], ['\ufeff'], ['\u2028']] },
    );
  });

  it('carries its data in one line', () => {
    fc.assert(
      fc.property(text, (words) => {
        expect(deltaEvent(words).json).not.toMatch(/[\r\n]/);
        expect(eventFrame(deltaEvent(words)).toString().split('\n')).toHaveLength(5);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('is its own, also when two events with the same id come one after the other', () => {
    const one = deltaEvent('one');
    const two: LoggedEvent = { ...one, json: '{"text":"two"}' };
    const frames = [one, two, one].map((event) => eventFrame(event).toString());
    expect(frames.map((frame) => /"text":"(.*?)"/.exec(frame)?.[1])).toEqual(['one', 'two', 'one']);
  });

  it('follows and is followed by heartbeats and retry times that move no cursor', () => {
    const bytes = Buffer.concat([
      retryFrame(1_312),
      heartbeatFrame,
      eventFrame(deltaEvent('x')),
      heartbeatFrame,
    ]);
    const { events, retries, comments } = parse(bytes);
    expect(events.map(({ id }) => id)).toEqual(['1-17']);
    expect(retries).toEqual([1_312]);
    expect(comments).toHaveLength(2);
  });
});
