import { AppError } from '@holdfast/shared/errors.ts';
import { compareEventIds, type EventId, parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Cursor } from '../hub/reader.ts';
import type { Reading } from '../plugins/access-watch.ts';
import { admitConnection, openEventStream } from './event-stream.ts';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

export const eventsQuery = z.looseObject({ cursor: z.string().optional() });

/** What every route that follows a run says of itself. */
export const eventsDescription =
  '`Last-Event-ID`, or `?cursor=` on a first request, resumes. 204: there is nothing more to come.';

/** `/api/runs/:id/events`: the run's events for members. */
export function registerRunEvents(app: App, services: Services): void {
  app.get(
    '/api/runs/:id/events',
    {
      config: { access: { to: 'member', of: 'run', role: 'reader', ticket: true } },
      // A HEAD would be answered by a response that never ends.
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: 'Follow a run: its events from a cursor on, then live (text/event-stream)',
        description: eventsDescription,
        params: idParams,
        querystring: eventsQuery,
      },
    },
    async (request, reply) => {
      const { conversationId, endId = null } = request.grant;
      const run = { id: pathId(request, 'run'), endId };
      return answerEvents(services, request, reply, run, {
        by: 'member',
        conversationId,
        userId: request.user.id,
      });
    },
  );
}

interface FollowedRun {
  readonly id: string;
  /** Its terminal event; null while it has none. */
  readonly endId: EventId | null;
}

/**
 * Answers with the run's events as Server-Sent Events (WHATWG HTML, section 9.2), from the cursor of the request on, for
 * as long as the reader may read. Throws `invalid_cursor`, `overloaded`, `too_many_connections`.
 */
export async function answerEvents(
  services: Services,
  request: FastifyRequest<{ Querystring: z.infer<typeof eventsQuery> }>,
  reply: FastifyReply,
  run: FollowedRun,
  reading: Reading,
): Promise<FastifyReply> {
  const { hub, accessWatch } = services;
  const cursor = readCursor(request.headers['last-event-id'], request.query.cursor);

  if (run.endId && cursor.kind === 'after' && compareEventIds(cursor.id, run.endId) === 0) {
    // "Clients will reconnect if the connection is closed; a client can be told to stop reconnecting using the HTTP
    // 204 No Content response code." (WHATWG HTML, 9.2.1)
    return reply.code(204).send();
  }
  await admitConnection(services, request, reply);

  // What a link shows may be taken back; no copy of it is to stay.
  const headers = reading.by === 'link' ? { 'cache-control': 'no-store, no-transform' } : {};
  const onClose = () => {
    unwatch();
    subscription.close();
  };
  const connection = openEventStream(services, reply, onClose, headers);
  if (!connection) return reply;
  const unwatch = accessWatch.watch(reading, () => {
    subscription.close();
    connection.end();
  });
  const subscription = hub.subscribe(run.id, cursor, connection);
  return reply;
}

/**
 * Reads the cursor; the header wins over the query, because EventSource repeats the URL of its first request for ever.
 * A header that is no cursor gets a snapshot: EventSource would never recover from a 4xx. Throws `invalid_cursor` for a
 * query that is none, which is a mistake of the programmer.
 */
function readCursor(header: string | string[] | undefined, query: string | undefined): Cursor {
  if (header !== undefined && header !== '') {
    const id = typeof header === 'string' ? parseEventId(header) : null;
    return id ? { kind: 'after', id } : { kind: 'unknown' };
  }
  if (query === undefined) return { kind: 'start' };
  const id = parseEventId(query);
  if (id) return { kind: 'after', id };
  throw new AppError('invalid_cursor', {
    detail: 'Pass the id of an event of this run as ?cursor=, or leave it out to begin at the start.',
  });
}
