import { AppError, notFound } from '@holdfast/shared/errors.ts';
import { followMax } from '@holdfast/shared/http/sync.ts';
import { isId } from '@holdfast/shared/id.ts';
import { openFeed } from '@holdfast/shared/store/user-feed.ts';
import { type FeedCursor, parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import { z } from 'zod';
import { admitConnection, openEventStream } from './event-stream.ts';
import type { App, Services } from './services.ts';

/** `/api/events`: everything that happens in the conversations of a user. */
export function registerUserEvents(app: App, services: Services): void {
  app.get(
    '/api/events',
    {
      config: { access: { to: 'user' } },
      // A HEAD would be answered by a response that never ends.
      exposeHeadRoute: false,
      schema: {
        tags: ['events'],
        summary: 'Follow everything: what happens in all your conversations (text/event-stream)',
        description:
          '`follow`: up to ten conversations, separated by commas, whose run events are carried, too. `Last-Event-ID`, or `?cursor=` on a first request, resumes; without either it begins with now.',
        querystring: z.looseObject({ cursor: z.string().optional(), follow: z.string().optional() }),
      },
    },
    async (request, reply) => {
      const header = request.headers['last-event-id'];
      const resumes = header !== undefined && header !== '';
      const cursor = readCursor(resumes ? header : undefined, request.query.cursor);
      const follow = readFollow(request.query.follow, resumes);

      const named = cursor && cursor !== 'unknown' ? [...cursor.runs.keys()] : [];
      // Before the head is sent: what happens after the reader has seen it comes to it.
      const opening = await openFeed(services.store, request.user.id, follow, named);
      // An EventSource whose user was removed from a conversation meanwhile would never recover from a 404: the feed
      // tells it, and the rest goes on.
      if (!resumes && opening.visible.length < follow.length) throw notFound('conversation');
      await admitConnection(services, request, reply);

      const connection = openEventStream(services, reply, () => session.close());
      if (!connection) return reply;
      const session = services.feedHub.follow(
        { userId: request.user.id, follow, cursor, opening },
        connection,
      );
      return reply;
    },
  );
}

/**
 * Reads the cursor; the header wins over the query. A header that is no cursor begins anew with `resync`: EventSource
 * would never recover from a 4xx. Throws `invalid_cursor` for a query that is none, which is a mistake of the programmer.
 */
function readCursor(
  header: string | string[] | undefined,
  query: string | undefined,
): FeedCursor | null | 'unknown' {
  if (header !== undefined) return (typeof header === 'string' && parseFeedCursor(header)) || 'unknown';
  if (query === undefined) return null;
  const cursor = parseFeedCursor(query);
  if (cursor) return cursor;
  throw new AppError('invalid_cursor', {
    detail: 'Pass the id of an event of /api/events as ?cursor=, or leave it out to begin with now.',
  });
}

/** The conversations to follow, each once. Throws `invalid_request` for too many, `conversation_not_found`. */
function readFollow(text: string | undefined, resumes: boolean): string[] {
  if (text === undefined || text === '') return [];
  const ids = [...new Set(text.toLowerCase().split(',', followMax + 1))];
  if (ids.length > followMax) {
    throw new AppError('invalid_request', {
      detail: `One connection follows ${followMax} conversations at most.`,
      errors: [{ path: 'query.follow', message: `at most ${followMax} ids` }],
    });
  }
  const valid = ids.filter(isId);
  if (!resumes && valid.length < ids.length) throw notFound('conversation');
  return valid;
}
