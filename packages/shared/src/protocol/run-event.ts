import type { FailureCode } from './error-code.ts';
import type { EventId } from './event-id.ts';
import type { TerminalStatus } from './run.ts';

/** Why the model stopped by itself. `length`: it reached `maxTokens` or the end of its context. */
export type FinishReason = 'stop' | 'length' | 'content_filter';

/** Tokens of one answer. `estimated`: the provider named no figure, so they were counted here. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimated: boolean;
}

/**
 * What one entry of a run log says; exactly one SSE event each. `data` is what stands in the SSE `data:` field.
 *
 * started    attempt 1 begins; the text is empty
 * delta      text to append
 * snapshot   text that replaces everything before it: a later attempt begins, or a cursor was not covered
 * completed  the end: the whole answer can be read from history under `messageId`
 * failed     the end: `code` is stable, `message` is for people
 * cancelled  the end: somebody stopped the run
 */
export type RunEvent =
  | { readonly type: 'started'; readonly data: { readonly runId: string; readonly model: string } }
  | { readonly type: 'delta'; readonly data: { readonly text: string } }
  | { readonly type: 'snapshot'; readonly data: { readonly text: string } }
  | {
      readonly type: 'completed';
      readonly data: {
        readonly messageId: string;
        readonly finishReason: FinishReason;
        readonly usage: Usage | null;
      };
    }
  | {
      readonly type: 'failed';
      readonly data: {
        readonly messageId: string;
        readonly code: FailureCode;
        readonly message: string;
        readonly usage: Usage | null;
      };
    }
  | {
      readonly type: 'cancelled';
      readonly data: { readonly messageId: string; readonly usage: Usage | null };
    };

export type RunEventType = RunEvent['type'];

/** The event that ends a run log; nothing follows it. */
export type TerminalEvent = Extract<RunEvent, { type: TerminalStatus }>;

/** The end of a run: the event that closes its log, and that event's place. */
export interface RunEnd {
  readonly id: EventId;
  readonly event: TerminalEvent;
}

/** The event at place 0 of an attempt. */
export type OpeningEvent = Extract<RunEvent, { type: 'started' | 'snapshot' }>;

/** Every event type of this protocol version. A client ignores types it does not know, so that more can be added. */
export const runEventTypes = [
  'started',
  'delta',
  'snapshot',
  'completed',
  'failed',
  'cancelled',
] as const satisfies readonly RunEventType[];

/** Whether this type ends the log. */
export function isTerminalType(type: string): type is TerminalEvent['type'] {
  return type === 'completed' || type === 'failed' || type === 'cancelled';
}

/**
 * An event with its place, its data still encoded: one line of JSON, made once by the worker and passed on unread by
 * Redis and the API, so that an event costs one encoding however many people read it.
 */
export interface LoggedEvent {
  readonly id: EventId;
  readonly type: RunEventType;
  readonly json: string;
}

/**
 * Encodes an event's data as one line. JSON.stringify escapes CR and LF inside strings; a raw one in model output
 * would otherwise end the SSE field and forge the next (WHATWG HTML, "Interpreting an event stream").
 */
export function encodeEventData(event: RunEvent): string {
  return JSON.stringify(event.data);
}
