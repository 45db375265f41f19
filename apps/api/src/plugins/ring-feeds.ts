import type { FeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import type { App } from '../routes/services.ts';

const readingMethods = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Rings after each request that has changed something, so that no route can forget it: for the members of its
 * conversation, for the user who sent it, and for the user in its path, who may be no longer a member.
 */
export function registerRingFeeds(app: App, feedBell: FeedBell): void {
  app.addHook('onSend', async (request, reply) => {
    const { access } = request.routeOptions.config;
    if (!access || readingMethods.includes(request.method) || reply.statusCode >= 400) return;
    const { userId } = (request.params ?? {}) as { userId?: string };
    const userIds = [request.credential?.identity.id, userId].filter((id) => id !== undefined);
    feedBell.ring(access.to === 'member' ? request.grant.conversationId : null, userIds);
  });
}
