import { AppError } from '@holdfast/shared/errors.ts';
import {
  conversationPageSchema,
  conversationSchema,
  createConversationSchema,
  historySchema,
} from '@holdfast/shared/http/schemas.ts';
import { isId } from '@holdfast/shared/id.ts';
import {
  type ConversationPosition,
  createConversation,
  getConversation,
  getHistory,
  listConversations,
  pageSizeMax,
} from '@holdfast/shared/store/conversations.ts';
import { z } from 'zod';
import { assertModelOffered, idempotentRequest, idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

const listQuery = z.strictObject({
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(20),
});

/** `/api/conversations`: create, list, read, and read the messages. */
export function registerConversations(app: App, { store, models }: Services): void {
  app.post(
    '/api/conversations',
    {
      schema: {
        tags: ['conversations'],
        summary: 'Create a conversation',
        body: createConversationSchema,
        response: { 201: conversationSchema },
      },
    },
    async (request, reply) => {
      assertModelOffered(request.body.model, models);
      const conversation = await createConversation(store, idempotentRequest(request), request.body);
      return reply.code(201).header('location', `/api/conversations/${conversation.id}`).send(conversation);
    },
  );

  app.get(
    '/api/conversations',
    {
      schema: {
        tags: ['conversations'],
        summary: 'List conversations, the one that changed last first',
        querystring: listQuery,
        response: { 200: conversationPageSchema },
      },
    },
    async (request) => {
      const { cursor, limit } = request.query;
      const position = cursor === undefined ? null : parsePosition(cursor);
      const { conversations, next } = await listConversations(store, request.user.id, limit, position);
      return { conversations, nextCursor: next && formatPosition(next) };
    },
  );

  app.get(
    '/api/conversations/:id',
    {
      schema: {
        tags: ['conversations'],
        summary: 'Read a conversation',
        params: idParams,
        response: { 200: conversationSchema },
      },
    },
    (request) => getConversation(store, request.user.id, pathId(request, 'conversation')),
  );

  app.get(
    '/api/conversations/:id/messages',
    {
      schema: {
        tags: ['conversations'],
        summary: 'Read the messages, and which run is being answered',
        params: idParams,
        response: { 200: historySchema },
      },
    },
    (request) => getHistory(store, request.user.id, pathId(request, 'conversation')),
  );
}

/** A position in the list as one opaque word. */
function formatPosition({ updatedAt, id }: ConversationPosition): string {
  return Buffer.from(`${updatedAt} ${id}`).toString('base64url');
}

const updatedAtPattern = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** Whether a date is one that Postgres takes, too: JavaScript reads 31 February as 3 March and knows a year 0. */
function isTimestamp(text: string): boolean {
  if (!updatedAtPattern.test(text)) return false;
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(0, 19) === text.slice(0, 19);
}

/** Throws `invalid_cursor` for anything that `formatPosition` cannot have made. */
function parsePosition(cursor: string): ConversationPosition {
  const [updatedAt = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ');
  if (!isTimestamp(updatedAt) || !isId(id)) {
    throw new AppError('invalid_cursor', {
      detail: 'Pass the nextCursor of a page that you got, or none at all.',
    });
  }
  return { updatedAt, id };
}
