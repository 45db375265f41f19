/** The bodies of everything about sharing: members, invitations, public links, and what is seen behind a link. */
import { z } from 'zod';
import { conversationSchema, memberRoleSchema, messageSchema, runSchema } from './schemas.ts';

const id = z.uuid();
const timestamp = z.iso.datetime();

export const memberSchema = z.object({
  userId: id,
  name: z.string(),
  role: memberRoleSchema,
  since: timestamp,
});
export type Member = z.infer<typeof memberSchema>;

export const memberListSchema = z.object({
  members: z.array(memberSchema).describe('who was there first comes first'),
});

export const changeMemberSchema = z.strictObject({ role: memberRoleSchema });

/** Nobody becomes an owner by a link that can be passed on. */
const invitedRoleSchema = z.enum(['writer', 'reader']);

const hoursPerDay = 24;
const expiresInHoursMax = 30 * hoursPerDay;
const expiresInHoursDefault = 7 * hoursPerDay;

export const createInvitationSchema = z.strictObject({
  role: invitedRoleSchema,
  expiresInHours: z.int().min(1).max(expiresInHoursMax).default(expiresInHoursDefault),
});
export type CreateInvitation = z.infer<typeof createInvitationSchema>;

export const invitationSchema = z.object({
  id,
  role: invitedRoleSchema,
  createdBy: id.nullable().describe('the owner who made it; null: their account is gone'),
  createdAt: timestamp,
  expiresAt: timestamp,
});
export type Invitation = z.infer<typeof invitationSchema>;

export const createdInvitationSchema = z.object({
  invitation: invitationSchema,
  token: z.string().describe('it is shown only now'),
  url: z.string().describe('the page that accepts it, to pass on'),
});

export const invitationListSchema = z.object({
  invitations: z.array(invitationSchema).describe('those that hold, newest first'),
});

export const invitationPreviewSchema = z.object({
  role: invitedRoleSchema,
  title: z.string().nullable(),
  invitedBy: z.string().nullable().describe('the name of the owner who made it'),
  expiresAt: timestamp,
});
export type InvitationPreview = z.infer<typeof invitationPreviewSchema>;

export const publicLinkSchema = z.object({
  token: z.string(),
  url: z.string().describe('the page that shows the conversation, to pass on'),
});

/**
 * What is behind a public link is picked field by field, and the answer is cut to it: a field that messages and runs get
 * later is not public before somebody has decided so.
 */
const sharedMessageSchema = messageSchema.pick({
  id: true,
  parentId: true,
  role: true,
  text: true,
  runId: true,
  status: true,
  failure: true,
  finishReason: true,
  model: true,
  usage: true,
  createdAt: true,
});

const sharedRunSchema = runSchema.pick({
  id: true,
  promptMessageId: true,
  messageId: true,
  model: true,
  status: true,
  attempt: true,
  cancelRequested: true,
  failure: true,
  finishReason: true,
  usage: true,
  eventsUrl: true,
  createdAt: true,
  startedAt: true,
  finishedAt: true,
});

export const sharedConversationSchema = z.object({
  title: conversationSchema.shape.title,
  messages: z.array(sharedMessageSchema).describe('the branch that is shown, oldest first'),
  activeRun: sharedRunSchema.nullable().describe('the run of this branch that is being answered now or next'),
  waitingRuns: z.array(sharedRunSchema).describe('runs of this branch that come after it, in order'),
});
export type SharedConversation = z.infer<typeof sharedConversationSchema>;
