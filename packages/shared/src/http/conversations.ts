/** The bodies of changing, finding and exporting conversations, and of the branches of their messages. */
import { z } from 'zod';
import { parametersSchema } from './parameters.ts';
import { humanText, systemPromptCharsMax, titleCharsMax } from './text.ts';

/** One page of a list. */
export const pageSizeMax = 100;

/** Longer questions find nothing that shorter ones do not. */
const questionCharsMax = 200;

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

export const conversationQuerySchema = z.strictObject({
  cursor: z.string().max(256).optional(),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(20),
  q: z
    .string()
    .max(questionCharsMax)
    .optional()
    .describe('words to look for in titles and messages; blank: list all'),
  archived: flag.default(false).describe('those that you have archived instead of those that you have not'),
  pinned: flag.optional().describe('only those that you have pinned, or have not'),
});

export const changeConversationSchema = z.strictObject({
  title: humanText(titleCharsMax)
    .nullable()
    .optional()
    .describe('null: none, so that the model writes one after the next answer'),
  systemPrompt: humanText(systemPromptCharsMax).nullable().optional(),
  model: z.string().min(1).max(128).nullable().optional().describe('null: the default of this server'),
  parameters: parametersSchema.nullable().optional().describe('instead of all that were set; null: none'),
  leafId: z
    .uuid()
    .optional()
    .describe('a message: the branch through it to its newest message is shown from now on'),
});
export type ChangeConversation = z.infer<typeof changeConversationSchema>;

export const changeMembershipSchema = z.strictObject({
  pinned: z.boolean().optional(),
  archived: z.boolean().optional(),
});
export type ChangeMembership = z.infer<typeof changeMembershipSchema>;

export const exportQuerySchema = z.strictObject({
  format: z
    .enum(['json', 'markdown'])
    .default('json')
    .describe('json: all branches; markdown: the branch that is shown'),
});
export type ExportFormat = z.infer<typeof exportQuerySchema>['format'];
