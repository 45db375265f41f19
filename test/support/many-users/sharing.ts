/** Making, sharing, leaving and deleting conversations. */
import { markerWord, newCode } from '../checker/history.ts';
import { type Crowd, chance, pick, pickConversation, post, send, type Walker } from './walker.ts';

/** A user has so many conversations of their own before they stay with those. */
const conversationsMax = 4;

export async function createConversation(crowd: Crowd, walker: Walker): Promise<void> {
  if (walker.conversations.filter(({ isOwn }) => isOwn).length >= conversationsMax) return;
  const code = newCode(walker.random);
  const title = `About ${markerWord({ conversationCode: code, userCode: walker.code })}`;
  // Those without a title get one from the model, made of the first question.
  const body = chance(walker, 0.7) ? { title } : {};
  const { status, reply } = await post(crowd, walker, '/api/conversations', body);
  if (status !== 201) return;
  walker.conversations.push({ id: (reply as { id: string }).id, code, isOwn: true, runs: [] });
}

/** Invites somebody else, who accepts. */
export async function share(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pick(
    walker,
    walker.conversations.filter(({ isOwn }) => isOwn),
  );
  const guest = pick(walker, crowd.walkers);
  if (!conversation || !guest || guest === walker) return;
  const role = chance(walker, 0.6) ? 'writer' : 'reader';
  const invited = await post(crowd, walker, `/api/conversations/${conversation.id}/invitations`, { role });
  if (invited.status !== 201) return;
  const { token } = invited.reply as { token: string };
  const accepted = await post(crowd, guest, `/api/invitations/${token}/accept`, null);
  if (accepted.status !== 200 || guest.conversations.some(({ id }) => id === conversation.id)) return;
  guest.conversations.push({ ...conversation, isOwn: false, runs: [...conversation.runs] });
}

/** Ends a membership. Who is gone goes on asking: they get 404. */
export async function dismissOrLeave(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pickConversation(walker);
  if (!conversation) return;
  const path = `/api/conversations/${conversation.id}`;
  if (!conversation.isOwn) {
    await send(crowd, walker, 'POST', `${path}/leave`);
    return;
  }
  const member = crowd.walkers.find(
    (other) => other !== walker && other.conversations.some(({ id }) => id === conversation.id),
  );
  if (member) await send(crowd, walker, 'DELETE', `${path}/members/${member.id}`);
}

export async function deleteSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const own = walker.conversations.filter(({ isOwn }) => isOwn);
  const conversation = pick(walker, own);
  if (!conversation || own.length < 2) return;
  await send(crowd, walker, 'DELETE', `/api/conversations/${conversation.id}`);
  walker.conversations.splice(walker.conversations.indexOf(conversation), 1);
}
