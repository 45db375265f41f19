/**
 * What goes over the wire, as the zod schemas of the server say it: types alone, so that no zod gets to clients. The only
 * file of this package that knows the schemas; what is published has the types written out in its place.
 */
import type {
  adminUserPageSchema,
  apiKeyListSchema,
  changeMeSchema,
  changePasswordSchema,
  createApiKeySchema,
  createdApiKeySchema,
  logInSchema,
  registerSchema,
  ticketSchema,
} from '@holdfast/shared/http/accounts.ts';
import type { exportQuerySchema } from '@holdfast/shared/http/conversations.ts';
import type {
  acceptedRunSchema,
  conversationPageSchema,
  modelListSchema,
  openedSessionSchema,
} from '@holdfast/shared/http/schemas.ts';
import type {
  createdInvitationSchema,
  createInvitationSchema,
  invitationListSchema,
  memberListSchema,
  publicLinkSchema,
} from '@holdfast/shared/http/sharing.ts';

export type { AdminUser, ChangeUser, SessionList } from '@holdfast/shared/http/accounts.ts';
export type {
  ChangeConversation,
  ChangeMembership,
} from '@holdfast/shared/http/conversations.ts';
export type { Parameters } from '@holdfast/shared/http/parameters.ts';
export type { QueueState } from '@holdfast/shared/http/queue.ts';
export type {
  AcceptedMessage,
  Conversation,
  CreateConversation,
  CurrentUser,
  FoundConversation,
  History,
  Message,
  PostMessage,
  Problem,
  Regenerate,
  RunView,
} from '@holdfast/shared/http/schemas.ts';
export type {
  Invitation,
  InvitationPreview,
  Member,
  SharedConversation,
} from '@holdfast/shared/http/sharing.ts';
export type { LiveEvent as WireEvent } from '@holdfast/shared/http/sync.ts';
export type { UsageReport } from '@holdfast/shared/http/usage.ts';

type Input<Schema extends { readonly _zod: { readonly input: unknown } }> = Schema['_zod']['input'];
type Output<Schema extends { readonly _zod: { readonly output: unknown } }> = Schema['_zod']['output'];

export type AcceptedRun = Output<typeof acceptedRunSchema>;
export type AdminUserPage = Output<typeof adminUserPageSchema>;
export type ApiKeyList = Output<typeof apiKeyListSchema>;
export type ChangeMe = Input<typeof changeMeSchema>;
export type ChangePassword = Input<typeof changePasswordSchema>;
export type ConversationPage = Output<typeof conversationPageSchema>;
export type CreateApiKey = Input<typeof createApiKeySchema>;
export type CreatedApiKey = Output<typeof createdApiKeySchema>;
export type CreatedInvitation = Output<typeof createdInvitationSchema>;
export type CreateInvitation = Input<typeof createInvitationSchema>;
export type ExportQuery = Input<typeof exportQuerySchema>;
export type InvitationList = Output<typeof invitationListSchema>;
export type LogIn = Input<typeof logInSchema>;
export type MemberList = Output<typeof memberListSchema>;
export type ModelList = Output<typeof modelListSchema>;
/** `token` is null when the session is in a cookie. */
export type OpenedSession = Output<typeof openedSessionSchema>;
export type PublicLink = Output<typeof publicLinkSchema>;
export type Register = Input<typeof registerSchema>;
export type Ticket = Output<typeof ticketSchema>;
