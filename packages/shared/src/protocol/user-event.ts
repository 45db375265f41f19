/**
 * What `GET /api/events` tells: everything that happens in the conversations that a user is a member of.
 *
 * message.added          a message was stored
 * run.queued             a run was accepted, or waits for its next attempt
 * run.started            a worker has taken it
 * run.ended              it completed, failed or was cancelled; its answer is in history
 * conversation.added     the user has become a member, or made it
 * conversation.changed   title, settings, branch, members, pin or archive
 * conversation.removed   deleted, or the user is no longer a member
 */
export const userEventTypes = [
  'message.added',
  'run.queued',
  'run.started',
  'run.ended',
  'conversation.added',
  'conversation.changed',
  'conversation.removed',
] as const;

export type UserEventType = (typeof userEventTypes)[number];

/**
 * What the same connection tells besides. None of these is recorded in the feed.
 *
 * ready          the first event of a connection: what follows goes on from here
 * resync         the same, but what was before cannot be told: read everything again
 * run.event      an event of a followed run
 * run.position   where a waiting run of this user stands
 */
export const connectionEventTypes = ['ready', 'resync', 'run.event', 'run.position'] as const;

export type ConnectionEventType = (typeof connectionEventTypes)[number];
