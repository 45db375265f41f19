/**
 * The bodies of the native API, as zod schemas: what the server validates, what OpenAPI shows at /docs, and the types
 * that clients use (type-only imports, so that no client carries zod).
 */
import { z } from 'zod';
import { failures, problems } from '../protocol/error-code.ts';
import { parametersSchema } from './parameters.ts';
import { humanText, messageCharsMax, systemPromptCharsMax, titleCharsMax } from './text.ts';

const id = z.uuid();
const timestamp = z.iso.datetime();
const runStatus = z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']);
const modelName = z.string().min(1).max(128);

export const usageSchema = z.object({
  inputTokens: z.int(),
  outputTokens: z.int(),
  estimated: z.boolean().describe('true when the provider named no figure and it was counted here'),
});

export const failureSchema = z.object({
  code: z.enum(Object.keys(failures) as [keyof typeof failures]),
  message: z.string().describe('a sentence for people'),
});

export const memberRoleSchema = z
  .enum(['owner', 'writer', 'reader'])
  .describe('an owner may do everything, a writer ask and stop, a reader look');

export const currentUserSchema = z.object({
  id,
  name: z.string(),
  kind: z.enum(['guest', 'member']).describe('a guest becomes a member by registering, and keeps everything'),
  role: z.enum(['user', 'admin']),
  email: z.string().nullable(),
});
export type CurrentUser = z.infer<typeof currentUserSchema>;

export const openSessionSchema = z
  .strictObject({
    session: z
      .enum(['cookie', 'token'])
      .optional()
      .describe(
        'cookie (the default): HttpOnly, for browsers; token: in the answer, to send as a bearer token',
      ),
  })
  .default({});

export const openedSessionSchema = z.object({
  user: currentUserSchema,
  token: z.string().nullable().describe('null when the session is in a cookie; it is shown only now'),
});

export const conversationSchema = z.object({
  id,
  title: z.string().nullable(),
  titleBy: z.enum(['user', 'model']).nullable().describe("a title of the model's never replaces a person's"),
  role: memberRoleSchema,
  pinned: z.boolean().describe('for you alone'),
  archived: z.boolean().describe('for you alone'),
  systemPrompt: z.string().nullable(),
  model: z.string().nullable().describe('the model of new messages; null: the default of this server'),
  parameters: parametersSchema,
  leafId: id.nullable().describe('the newest message of the branch that is shown, perhaps an answer to come'),
  createdAt: timestamp,
  updatedAt: timestamp.describe('when something was last asked or answered'),
});
export type Conversation = z.infer<typeof conversationSchema>;

export const messageSchema = z.object({
  id,
  conversationId: id,
  parentId: id.nullable(),
  role: z.enum(['user', 'assistant']),
  text: z.string(),
  authorId: id.nullable().describe('the user who wrote it; null for answers'),
  runId: id.nullable().describe('the run that produced it (assistant messages)'),
  status: z
    .enum(['completed', 'failed', 'cancelled'])
    .describe('how it ended; a user message is always completed'),
  failure: failureSchema.nullable(),
  finishReason: z.enum(['stop', 'length', 'content_filter']).nullable(),
  model: z.string().nullable(),
  usage: usageSchema.nullable(),
  createdAt: timestamp,
});
export type Message = z.infer<typeof messageSchema>;

export const runSchema = z.object({
  id,
  conversationId: id,
  userId: id.describe('the user who asked'),
  promptMessageId: id.describe('the user message that it answers'),
  messageId: id.describe('the assistant message that it produces; in history once the run has ended'),
  model: z.string(),
  status: runStatus,
  attempt: z.int().describe('executions so far'),
  cancelRequested: z.boolean(),
  failure: failureSchema.nullable(),
  finishReason: z.enum(['stop', 'length', 'content_filter']).nullable(),
  usage: usageSchema.nullable(),
  eventsUrl: z.string(),
  createdAt: timestamp,
  startedAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
});
export type RunView = z.infer<typeof runSchema>;

export const createConversationSchema = z.strictObject({
  title: humanText(titleCharsMax).optional(),
  systemPrompt: humanText(systemPromptCharsMax).optional(),
  model: modelName.optional(),
  parameters: parametersSchema.optional(),
});
export type CreateConversation = z.infer<typeof createConversationSchema>;

export const whenBusySchema = z
  .enum(['queue', 'reject', 'interrupt'])
  .optional()
  .describe(
    'while runs of this conversation have not ended: wait for them (queue, the default), refuse with 409, or stop them',
  );
export type WhenBusy = z.infer<typeof whenBusySchema>;

export const postMessageSchema = z.strictObject({
  text: humanText(messageCharsMax),
  model: modelName.optional(),
  parameters: parametersSchema.optional().describe('laid over those of the conversation, for this run'),
  whenBusy: whenBusySchema,
});
export type PostMessage = z.infer<typeof postMessageSchema>;

export const regenerateSchema = z
  .strictObject({
    model: modelName.optional(),
    parameters: parametersSchema.optional(),
    whenBusy: whenBusySchema,
  })
  .default({});
export type Regenerate = z.infer<typeof regenerateSchema>;

export const acceptedMessageSchema = z.object({ message: messageSchema, run: runSchema });
export type AcceptedMessage = z.infer<typeof acceptedMessageSchema>;

export const acceptedRunSchema = z.object({ run: runSchema });

export const branchMessageSchema = messageSchema.extend({
  siblings: z
    .object({ ids: z.array(id), position: z.int() })
    .describe('all versions at this place, the oldest first, and which of them this is, from 1'),
});
export type BranchMessage = z.infer<typeof branchMessageSchema>;

export const historySchema = z.object({
  messages: z.array(branchMessageSchema).describe('from the first to the newest, along the current branch'),
  activeRun: runSchema.nullable().describe('the run that is being answered now or next, to follow'),
  waitingRuns: z.array(runSchema).describe('runs that come after it, in order'),
});
export type History = z.infer<typeof historySchema>;

export const foundConversationSchema = conversationSchema.extend({
  match: z
    .object({
      messageId: id.nullable().describe('the newest message that has it; null: only the title has it'),
      snippet: z.string().describe('one line of plain text around what was found'),
    })
    .optional()
    .describe('what was found; only in answer to `q`'),
});
export type FoundConversation = z.infer<typeof foundConversationSchema>;

export const conversationPageSchema = z.object({
  conversations: z.array(foundConversationSchema),
  nextCursor: z
    .string()
    .nullable()
    .describe('pass it as ?cursor= for the next page; null: this was the last'),
});

export const modelListSchema = z.object({
  models: z.array(z.object({ id: z.string(), default: z.boolean() })),
});

/** RFC 9457 problem details. `code` is stable; `detail` says what to do. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(problems) as [keyof typeof problems]),
  detail: z.string(),
  instance: z.string().optional(),
  requestId: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;
