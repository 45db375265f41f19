import { encodeEventData, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feedFrame, runEventJson } from '../../apps/api/src/feed/feed-frame.ts';
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

  it('of the feed, too: with its cursor and what it carries, whatever stands in titles, names and texts', () => {
    fc.assert(
      fc.property(text, text, (title, words) => {
        const changed = JSON.stringify({ conversation: { title, titleBy: words } });
        const followed = runEventJson('c', 'r', deltaEvent(words));
        const { events, retries, comments } = parse(
          Buffer.concat([
            feedFrame('conversation.changed', changed, '42'),
            feedFrame('run.event', followed, '43~r.1-17'),
          ]),
        );
        expect(events.map(({ id, event }) => [id, event])).toEqual([
          ['42', 'conversation.changed'],
          ['43~r.1-17', 'run.event'],
        ]);
        expect(JSON.parse(events[0]?.data ?? '')).toEqual({ conversation: { title, titleBy: words } });
        expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({ id: '1-17', data: { text: words } });
        expect({ retries, comments }).toEqual({ retries: [], comments: [] });
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  it('is the same event wherever its bytes are cut on the way', () => {
    fc.assert(
      fc.property(
        text,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
        (words, sizes) => {
          const bytes = Buffer.concat([eventFrame(deltaEvent(words)), heartbeatFrame]);
          const events: EventSourceMessage[] = [];
          const parser = createParser({ onEvent: (event) => events.push(event) });
          const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
          for (let at = 0, n = 0; at < bytes.length; n += 1) {
            const size = sizes[n % sizes.length] ?? 1;
            parser.feed(decoder.decode(bytes.subarray(at, at + size), { stream: true }));
            at += size;
          }
          expect(
            events.map(({ id, event, data }) => [id, event, (JSON.parse(data) as { text: string }).text]),
          ).toEqual([['1-17', 'delta', words]]);
        },
      ),
      { seed: 4, numRuns: 300 },
    );
  });
});
