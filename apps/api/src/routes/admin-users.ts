import { AppError } from '@holdfast/shared/errors.ts';
import { adminUserPageSchema, adminUserSchema, changeUserSchema } from '@holdfast/shared/http/accounts.ts';
import { humanText } from '@holdfast/shared/http/text.ts';
import { isId } from '@holdfast/shared/id.ts';
import { changeUser, listUsers } from '@holdfast/shared/store/admin-users.ts';
import { z } from 'zod';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

const pageSizeMax = 100;

const listQuery = z.strictObject({
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(20),
  q: humanText(200).optional().describe('a part of a name or an e-mail address'),
});

/** `/api/admin/users`: all users, for administrators. */
export function registerAdminUsers(app: App, { store, eventConnectionLimit }: Services): void {
  app.get(
    '/api/admin/users',
    {
      config: { access: { to: 'admin' } },
      schema: {
        tags: ['administration'],
        summary: 'All users, newest first',
        querystring: listQuery,
        response: { 200: adminUserPageSchema },
      },
    },
    async (request) => {
      const { cursor, limit, q } = request.query;
      const after = cursor === undefined ? null : parseCursor(cursor);
      const { users, next } = await listUsers(store, { limit, after, text: q });
      return { users, nextCursor: next && Buffer.from(next).toString('base64url') };
    },
  );

  app.patch(
    '/api/admin/users/:id',
    {
      config: { access: { to: 'admin' } },
      schema: {
        tags: ['administration'],
        summary: 'Disable a user or let them in again, make them an administrator, set their limits',
        params: idParams,
        body: changeUserSchema,
        response: { 200: adminUserSchema },
      },
    },
    async (request) => {
      const user = await changeUser(store, pathId(request, 'user'), request.body);
      if (user.disabled) await eventConnectionLimit.closeUser(user.id);
      return user;
    },
  );
}

/** Throws `invalid_cursor`. */
function parseCursor(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (isId(id)) return id;
  throw new AppError('invalid_cursor', {
    detail: 'Pass the nextCursor of a page that you got, or none at all.',
  });
}
