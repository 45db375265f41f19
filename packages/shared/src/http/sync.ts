/** The data of each event of `GET /api/events` (docs/PROTOCOL.md, section 10), by its type. */
import { z } from 'zod';
import { runEventTypes } from '../protocol/run-event.ts';
import { conversationSchema, messageSchema, runSchema } from './schemas.ts';

const id = z.uuid();

export const liveEventSchemas = {
  ready: z.object({}),
  resync: z.object({}),
  'message.added': z.object({ conversationId: id, message: messageSchema }),
  'run.queued': z.object({ conversationId: id, run: runSchema }),
  'run.position': z.object({
    conversationId: id,
    runId: id,
    position: z.int().positive(),
    estimatedMs: z.number().nullable(),
  }),
  'run.started': z.object({ conversationId: id, run: runSchema }),
  'run.ended': z.object({ conversationId: id, run: runSchema, message: messageSchema }),
  'run.event': z.object({
    conversationId: id,
    runId: id,
    id: z.string(),
    type: z.enum(runEventTypes),
    data: z.looseObject({}),
  }),
  'conversation.added': z.object({ conversation: conversationSchema }),
  'conversation.changed': z.object({ conversation: conversationSchema }),
  'conversation.removed': z.object({ conversationId: id }),
} as const;

type Schemas = typeof liveEventSchemas;

export type LiveEventType = keyof Schemas;

/** One event of `GET /api/events`. */
export type LiveEvent = {
  [T in LiveEventType]: { readonly type: T; readonly data: z.infer<Schemas[T]> };
}[LiveEventType];

/** Conversations whose run events one connection may carry. */
export const followMax = 10;
