/** Sharing: members, invitations, public links (docs/PROTOCOL.md, section 9). */
import { apiPath, type CallOptions, type Http, type PostOptions } from './http.ts';
import type {
  Conversation,
  CreatedInvitation,
  CreateInvitation,
  InvitationList,
  InvitationPreview,
  Member,
  MemberList,
  PublicLink,
  SharedConversation,
} from './wire.ts';

export interface SharingApi {
  members(conversationId: string, options?: CallOptions): Promise<MemberList>;
  updateMember(
    conversationId: string,
    userId: string,
    role: Member['role'],
    options?: CallOptions,
  ): Promise<Member>;
  removeMember(conversationId: string, userId: string, options?: CallOptions): Promise<void>;
  leave(conversationId: string, options?: CallOptions): Promise<void>;
  /** The token and the address are in the answer, and shown only then. */
  invite(
    conversationId: string,
    invitation: CreateInvitation,
    options?: PostOptions,
  ): Promise<CreatedInvitation>;
  invitations(conversationId: string, options?: CallOptions): Promise<InvitationList>;
  revokeInvitation(conversationId: string, invitationId: string, options?: CallOptions): Promise<void>;
  /** What the invitation of this token is to. */
  invitation(token: string, options?: CallOptions): Promise<InvitationPreview>;
  acceptInvitation(token: string, options?: PostOptions): Promise<Conversation>;
  /** The public link, made if there is none yet. */
  makePublic(conversationId: string, options?: CallOptions): Promise<PublicLink>;
  /** Rejects with `public_link_not_found` when there is none. */
  publicLink(conversationId: string, options?: CallOptions): Promise<PublicLink>;
  makePrivate(conversationId: string, options?: CallOptions): Promise<void>;
  /** What is behind a public link; nobody has to be signed in. Its runs can be followed like any other. */
  shared(token: string, options?: CallOptions): Promise<SharedConversation>;
}

export function createSharingApi(http: Http): SharingApi {
  const members = (id: string) => apiPath`/api/conversations/${id}/members`;
  const invitations = (id: string) => apiPath`/api/conversations/${id}/invitations`;
  const publicLink = (id: string) => apiPath`/api/conversations/${id}/public-link`;
  return {
    members: (id, call) => http.get(members(id), call),
    updateMember: (id, userId, role, call) => http.patch(members(id) + apiPath`/${userId}`, { role }, call),
    removeMember: (id, userId, call) => http.delete(members(id) + apiPath`/${userId}`, call),
    leave: (id, call) => http.post(apiPath`/api/conversations/${id}/leave`, null, call),
    invite: (id, invitation, call) => http.post(invitations(id), invitation, call),
    invitations: (id, call) => http.get(invitations(id), call),
    revokeInvitation: (id, invitationId, call) =>
      http.delete(invitations(id) + apiPath`/${invitationId}`, call),
    invitation: (token, call) => http.get(apiPath`/api/invitations/${token}`, call),
    acceptInvitation: (token, call) => http.post(apiPath`/api/invitations/${token}/accept`, null, call),
    makePublic: (id, call) => http.put(publicLink(id), null, call),
    publicLink: (id, call) => http.get(publicLink(id), call),
    makePrivate: (id, call) => http.delete(publicLink(id), call),
    shared: (token, call) => http.get(apiPath`/api/shared/${token}`, call),
  };
}
