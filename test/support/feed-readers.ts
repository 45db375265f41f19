/** What tests of `/api/events` ask their readers. */
import type { LiveEvent } from '@holdfast/shared/http/sync.ts';
import { expect } from 'vitest';
import { type FeedFollowing, type FollowFeedOptions, followFeed } from './feed-recorder.ts';
import { patience } from './inspect.ts';

export interface FeedReaders {
  /** Starts a reader and waits until it knows where it begins. */
  watch(options?: Partial<FollowFeedOptions>): Promise<FeedFollowing>;
  /** Stops all readers; for `afterEach`. */
  stop(): Promise<void>;
}

/** The readers of one test file; without options they read all API processes in turn, as the test user. */
export function createFeedReaders(bases: () => readonly string[]): FeedReaders {
  const open = new Set<FeedFollowing>();
  return {
    async watch(options = {}) {
      const following = followFeed({ bases: bases(), ...options });
      open.add(following);
      await following.ready;
      return following;
    },
    async stop() {
      await Promise.all([...open].map((following) => following.stop()));
      open.clear();
    },
  };
}

export const typesOf = ({ record }: FeedFollowing): string[] => record.events.map((event) => event.type);

type EndedEvent = Extract<LiveEvent, { type: 'run.ended' }>;

export function endOf({ record }: FeedFollowing, runId: string): EndedEvent | undefined {
  return record.events.find(
    (event): event is EndedEvent => event.type === 'run.ended' && event.data.run.id === runId,
  );
}

export async function whenEnded(following: FeedFollowing, ...runIds: string[]): Promise<void> {
  for (const runId of runIds) await expect.poll(() => endOf(following, runId), patience).toBeDefined();
}

/** Waits until a run that is followed has more than so many events. */
export async function whenUnderWay({ record }: FeedFollowing, runId: string, events: number): Promise<void> {
  await expect.poll(() => record.runs.get(runId)?.ids.length ?? 0, patience).toBeGreaterThan(events);
}
