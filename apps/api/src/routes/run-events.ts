import { AppError } from '@holdfast/shared/errors.ts';
import { compareEventIds, parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import { getRun } from '@holdfast/shared/store/runs.ts';
import { runEnd } from '@holdfast/shared/store/views.ts';
import { z } from 'zod';
import type { Cursor } from '../hub/subscription.ts';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/**
 * `no-transform` and `X-Accel-Buffering` keep proxies from collecting events to compress or to forward in bulk (nginx
 * with its defaults delivers the first event after the last one).
 */
const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** `/api/runs/:id/events`: the run's events as Server-Sent Events (WHATWG HTML, section 9.2). */
export function registerRunEvents(app: App, { store, hub, connections }: Services): void {
  app.get(
    '/api/runs/:id/events',
    {
      // A HEAD would be answered by a response that never ends.
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: 'Follow a run: its events from a cursor on, then live (text/event-stream)',
        description:
          '`Last-Event-ID`, or `?cursor=` on a first request, resumes. 204: there is nothing more to come.',
        params: idParams,
        querystring: z.looseObject({ cursor: z.string().optional() }),
      },
    },
    async (request, reply) => {
      const run = await getRun(store, request.user.id, pathId(request, 'run'));
      const cursor = readCursor(request.headers['last-event-id'], request.query.cursor);

      const end = runEnd(run);
      if (end && cursor.kind === 'after' && compareEventIds(cursor.id, end.id) === 0) {
        // "Clients will reconnect if the connection is closed; a client can be told to stop reconnecting using the HTTP
        // 204 No Content response code." (WHATWG HTML, 9.2.1)
        return reply.code(204).send();
      }
      if (connections.atLimit) {
        throw new AppError('overloaded', {
          detail:
            'This process has as many event connections as it may have. Try again; another one may answer.',
          retryAfterSeconds: 1,
        });
      }

      reply.hijack();
      // Gone while we asked the database: its `close` has been, so nothing would ever free what is opened now.
      if (reply.raw.destroyed) return reply;
      // First the content type: over plain HTTP, Chromium takes a head that was cut off for a whole one, and an
      // EventSource without its content type gives up for ever. Then what plugins have set (CORS, request id, security).
      const headers = { ...eventStreamHeaders, ...reply.getHeaders(), ...eventStreamHeaders };
      for (const name of reply.raw.getHeaderNames()) reply.raw.removeHeader(name);
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      reply.raw.writeHead(200);
      const connection = connections.open(reply.raw, () => subscription.close());
      const subscription = hub.subscribe(run.id, cursor, connection);
      return reply;
    },
  );
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
