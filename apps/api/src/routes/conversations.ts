import { AppError } from '@holdfast/shared/errors.ts';
import { conversationQuerySchema } from '@holdfast/shared/http/conversations.ts';
import {
  conversationPageSchema,
  conversationSchema,
  createConversationSchema,
} from '@holdfast/shared/http/schemas.ts';
import { isId } from '@holdfast/shared/id.ts';
import { type SearchItem, searchItems } from '@holdfast/shared/search/terms.ts';
import {
  type ConversationPosition,
  createConversation,
  listConversations,
} from '@holdfast/shared/store/conversations.ts';
import { assertModelOffered, idempotentRequest } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/conversations`: create, list and find. */
export function registerConversations(app: App, { store, models, userGate }: Services): void {
  app.post(
    '/api/conversations',
    {
      config: { access: { to: 'user' }, idempotency: 'key' },
      schema: {
        tags: ['conversations'],
        summary: 'Create a conversation',
        body: createConversationSchema,
        response: { 201: conversationSchema },
      },
    },
    async (request, reply) => {
      assertModelOffered(request.body.model, models);
      const conversation = await userGate(request.user.id, () =>
        createConversation(store, idempotentRequest(request), request.body),
      );
      return reply.code(201).header('location', `/api/conversations/${conversation.id}`).send(conversation);
    },
  );

  app.get(
    '/api/conversations',
    {
      config: { access: { to: 'user' } },
      schema: {
        tags: ['conversations'],
        summary: 'List conversations, or find some by `q`; the one that changed last first',
        querystring: conversationQuerySchema,
        response: { 200: conversationPageSchema },
      },
    },
    async (request) => {
      const { cursor, limit, q, archived, pinned } = request.query;
      const filter = { archived, pinned, items: q === undefined ? null : parseQuestion(q) };
      const position = cursor === undefined ? null : parsePosition(cursor);
      const { conversations, next } = await listConversations(
        store,
        request.user.id,
        filter,
        limit,
        position,
      );
      return { conversations, nextCursor: next && formatPosition(next) };
    },
  );
}

/** What is asked for; null: nothing is. Throws `invalid_request` for what could never be found. */
function parseQuestion(q: string): SearchItem[] | null {
  if (q.trim() === '') return null;
  const items = searchItems(q);
  if (items.length > 0) return items;
  throw new AppError('invalid_request', {
    detail: 'Search for at least one letter or digit: punctuation and symbols are not searched.',
    errors: [{ path: 'q', message: 'has no letter or digit' }],
  });
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
