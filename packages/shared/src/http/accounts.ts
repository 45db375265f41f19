/** The bodies of everything about accounts: logging in, sessions, API keys, tickets, administration. */
import { z } from 'zod';
import { userLimitsSchema } from './limits.ts';
import { currentUserSchema, openSessionSchema } from './schemas.ts';
import { humanText } from './text.ts';

const id = z.uuid();
const timestamp = z.iso.datetime();

/** RFC 5321: a path has 256 octets, two of which are angle brackets. */
const emailCharsMax = 254;

/** NIST SP 800-63B asks for at least 8; the other end keeps hashing a kilobyte of text somebody else's idea. */
const passwordCharsMin = 8;
const passwordCharsMax = 256;

/** Names stand beside messages and in lists. */
const nameCharsMax = 100;

const email = z.email().max(emailCharsMax).describe('upper and lower case are the same');
const userName = humanText(nameCharsMax).trim();
const newPassword = humanText(passwordCharsMax)
  .min(passwordCharsMin)
  .describe('8 to 256 characters; any will do');
/** Shorter ones are wrong, not invalid: how long passwords are is nothing to tell at a log-in. */
const knownPassword = humanText(passwordCharsMax);

const { session } = openSessionSchema.unwrap().shape;

export const registerSchema = z.strictObject({
  email,
  password: newPassword,
  name: userName.optional().describe('what others see; else the part of the e-mail address before the @'),
  session,
});

export const logInSchema = z.strictObject({ email, password: knownPassword, session });

export const changeMeSchema = z.strictObject({ name: userName.optional() });

export const changePasswordSchema = z.strictObject({ current: knownPassword, password: newPassword });

export const sessionListSchema = z.object({
  sessions: z
    .array(
      z.object({
        id,
        device: z.string().describe('the User-Agent that began it'),
        current: z.boolean().describe('the one that this request was sent with'),
        createdAt: timestamp,
        lastUsedAt: timestamp.describe('to the minute'),
        expiresAt: timestamp.describe('if it is not used before'),
      }),
    )
    .describe('the one that was used last first'),
});
export type SessionList = z.infer<typeof sessionListSchema>;

export const createApiKeySchema = z.strictObject({ name: userName });

const apiKeySchema = z.object({
  id,
  name: z.string(),
  hint: z.string().describe('how the key begins'),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable().describe('to the minute; null: never'),
});
export type ApiKeyView = z.infer<typeof apiKeySchema>;

export const createdApiKeySchema = z.object({
  apiKey: apiKeySchema,
  token: z.string().describe('the key itself; it is shown only now'),
});

export const apiKeyListSchema = z.object({ apiKeys: z.array(apiKeySchema).describe('newest first') });

export const ticketSchema = z.object({
  ticket: z.string(),
  eventsUrl: z.string().describe('the address of the event stream, with the ticket in it'),
  expiresAt: timestamp,
});

export const adminUserSchema = currentUserSchema.extend({
  disabled: z.boolean(),
  limits: userLimitsSchema.describe('what differs for this user from the settings of the server'),
  createdAt: timestamp,
});
export type AdminUser = z.infer<typeof adminUserSchema>;

export const adminUserPageSchema = z.object({
  users: z.array(adminUserSchema).describe('newest first'),
  nextCursor: z
    .string()
    .nullable()
    .describe('pass it as ?cursor= for the next page; null: this was the last'),
});

export const changeUserSchema = z.strictObject({
  disabled: z.boolean().optional(),
  role: z.enum(['user', 'admin']).optional(),
  limits: userLimitsSchema.optional().describe('replaces all that were set before'),
});
export type ChangeUser = z.infer<typeof changeUserSchema>;
