/** Which conversations are being answered or wait for it, as far as the live events have told. */
import type { ReceivedLiveEvent } from '../follow-events.ts';

export interface Answering {
  /** Returns whether it changed anything. */
  hear(event: ReceivedLiveEvent): boolean;
  conversationIds(): readonly string[];
}

export function createAnswering(): Answering {
  /** By run: its conversation. */
  const runs = new Map<string, string>();
  return {
    conversationIds: () => [...new Set(runs.values())],
    hear({ type, data }) {
      const before = runs.size;
      switch (type) {
        case 'resync':
          // What has ended meanwhile is not told any more.
          runs.clear();
          break;
        case 'conversation.removed':
          for (const [runId, id] of runs) if (id === data.conversationId) runs.delete(runId);
          break;
        case 'run.position':
        case 'run.event':
          runs.set(data.runId, data.conversationId);
          break;
        case 'run.queued':
        case 'run.started':
        case 'run.ended':
          // An event that is read late carries the run as it is now: one that was queued may have ended.
          if (data.run.finishedAt) runs.delete(data.run.id);
          else runs.set(data.run.id, data.conversationId);
          break;
        case 'ready':
        case 'message.added':
        case 'conversation.added':
        case 'conversation.changed':
      }
      return runs.size !== before;
    },
  };
}
