import { AppError } from '@holdfast/shared/errors.ts';
import {
  usageDaysDefault,
  usageDaysMax,
  usageQuerySchema,
  usageSchema,
} from '@holdfast/shared/http/usage.ts';
import { tokenLimit, tokensOfToday } from '@holdfast/shared/store/allowance.ts';
import { usageByDay } from '@holdfast/shared/store/usage.ts';
import type { App, Services } from './services.ts';

const dayMs = 86_400_000;

/** `/api/me/usage`: what the user's answers have cost, and what is left of today. */
export function registerUsage(app: App, { store, allowance }: Services): void {
  app.get(
    '/api/me/usage',
    {
      config: { access: { to: 'user' } },
      schema: {
        tags: ['account'],
        summary: 'Tokens by day and model, and what is left of today',
        querystring: usageQuerySchema,
        response: { 200: usageSchema },
      },
    },
    async (request) => {
      const { id, limits } = request.user;
      const [days, { used, reserved }] = await Promise.all([
        usageByDay(store, id, readPeriod(request.query)),
        tokensOfToday(store, id),
      ]);
      return { days, limit: { tokensPerDay: tokenLimit(limits, allowance), usedToday: used, reserved } };
    },
  );
}

/** The days that are asked for. Throws `invalid_request` for none, or too many. */
function readPeriod({ from, to }: { from?: string | undefined; to?: string | undefined }): {
  from: string;
  to: string;
} {
  const last = to ?? new Date().toISOString().slice(0, 10);
  const first =
    from ?? new Date(Date.parse(last) - (usageDaysDefault - 1) * dayMs).toISOString().slice(0, 10);
  const days = (Date.parse(last) - Date.parse(first)) / dayMs + 1;
  // Year 0 is one that JavaScript knows and Postgres does not.
  if (!(days >= 1 && days <= usageDaysMax) || first < '0002') {
    throw new AppError('invalid_request', {
      detail: `Ask for 1 to ${usageDaysMax} days: \`from\` is the first of them, \`to\` the last.`,
    });
  }
  return { from: first, to: last };
}
