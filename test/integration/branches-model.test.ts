/**
 * Random work on one conversation, compared after each step with a model that is a list: what is shown, all versions at
 * each place, and the order of the runs. Workers are played here, so that answers end exactly when the play says.
 */
import { type Asking, acceptEdit, acceptMessage, acceptRegenerate } from '@holdfast/shared/store/accept.ts';
import { getHistory } from '@holdfast/shared/store/branches.ts';
import { changeConversation } from '@holdfast/shared/store/change-conversation.ts';
import { createConversation } from '@holdfast/shared/store/conversations.ts';
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import { claimRun, endRun } from '@holdfast/shared/store/run-lease.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let db: Store;

beforeAll(async () => {
  stack = await startStack({ apis: 0, workers: 0 });
  db = connectDatabase({
    url: stack.env['DATABASE_URL'] ?? '',
    connectionsMax: 2,
    applicationName: 'test',
    onIdleError: () => {},
  });
});
afterAll(async () => {
  await db.destroy();
  await stack.stop();
});

/** `pick`: which of the messages that the step may take, as a share of their number. */
type Step =
  | { readonly do: 'ask' }
  | { readonly do: 'edit' | 'regenerate' | 'select'; readonly pick: number }
  | { readonly do: 'finish' };

const pick = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('ask' as const) }),
  fc.record({ do: fc.constantFrom('edit' as const, 'regenerate' as const, 'select' as const), pick }),
  fc.record({ do: fc.constant('finish' as const) }),
);

/** A message of the model. Its place in the list is the order of creation. */
interface Node {
  readonly id: string;
  readonly parent: string | null;
  readonly role: 'user' | 'assistant';
  readonly runId?: string;
  final: boolean;
}

async function play(steps: readonly Step[]): Promise<void> {
  const request = { userId: testUser.id, key: undefined, fingerprint: null };
  const asking: Asking = {
    request,
    limits: { waitingRuns: 1_000 },
    allowance: { tokensPerDay: 0, tokensPerRun: 0 },
    waitingRunsMax: 1_000,
    defaultModel: 'stand-in',
  };
  const { id } = await createConversation(db, request, {});
  const nodes: Node[] = [];
  let leaf: string | null = null;

  const parentOf = (messageId: string) => nodes.find((node) => node.id === messageId)?.parent ?? null;
  const addMessage = (messageId: string, parent: string | null) =>
    nodes.push({ id: messageId, parent, role: 'user', final: true });
  const addAnswer = (run: { id: string; messageId: string }, parent: string) => {
    nodes.push({ id: run.messageId, parent, role: 'assistant', runId: run.id, final: false });
    leaf = run.messageId;
  };
  const chosen = (from: readonly Node[], share: number) => from[Math.floor(share * from.length)];
  const newestBelow = (messageId: string): string => {
    const below = new Set([messageId]);
    let newest = messageId;
    for (const node of nodes) {
      if (node.parent === null || !below.has(node.parent)) continue;
      below.add(node.id);
      newest = node.id;
    }
    return newest;
  };

  for (const each of steps) {
    switch (each.do) {
      case 'ask': {
        const parent: string | null = leaf;
        const { result } = await acceptMessage(db, asking, id, { text: 'ask' });
        addMessage(result.message.id, parent);
        addAnswer(result.run, result.message.id);
        break;
      }
      case 'edit': {
        const target = chosen(
          nodes.filter(({ role }) => role === 'user'),
          each.pick,
        );
        if (!target) break;
        const { result } = await acceptEdit(db, asking, target.id, { text: 'edit' });
        addMessage(result.message.id, target.parent);
        addAnswer(result.run, result.message.id);
        break;
      }
      case 'regenerate': {
        const target = chosen(nodes, each.pick);
        if (!target) break;
        const { result } = await acceptRegenerate(db, asking, target.id, {});
        addAnswer(result.run, target.role === 'user' ? target.id : (target.parent ?? ''));
        break;
      }
      case 'select': {
        const target = chosen(
          nodes.filter(({ final }) => final),
          each.pick,
        );
        if (!target) break;
        const { leafId } = await changeConversation(db, id, testUser.id, { leafId: target.id });
        leaf = newestBelow(target.id);
        expect(leafId).toBe(leaf);
        break;
      }
      case 'finish': {
        const next = nodes.find(({ final, runId }) => !final && runId);
        if (!next?.runId) break;
        const claimed = await claimRun(db, next.runId, 'test', 60_000);
        await endRun(db, {
          runId: next.runId,
          attempt: claimed?.attempt ?? 0,
          from: 'running',
          attemptsToAdd: 0,
          status: 'completed',
          text: 'answer',
          terminalSeq: 2,
          finishReason: 'stop',
          usage: null,
          attemptUsage: null,
        });
        next.final = true;
      }
    }

    const branch: string[] = [];
    for (let at: string | null = leaf; at !== null; at = parentOf(at)) branch.unshift(at);
    const isFinal = (messageId: string) => nodes.some((node) => node.id === messageId && node.final);
    const expected = branch.filter(isFinal).map((messageId) => {
      const ids = nodes
        .filter((node) => node.parent === parentOf(messageId) && node.final)
        .map((node) => node.id);
      return { id: messageId, siblings: { ids, position: ids.indexOf(messageId) + 1 } };
    });
    const { messages, activeRun, waitingRuns } = await getHistory(db, id);
    expect(messages.map(({ id: messageId, siblings }) => ({ id: messageId, siblings }))).toEqual(expected);
    const unfinished = nodes.filter(({ final }) => !final).map(({ runId }) => runId);
    expect([activeRun, ...waitingRuns].filter((run) => run !== null).map((run) => run.id)).toEqual(
      unfinished,
    );
  }
}

it('shows what a simple tree would show, whatever is asked, edited, regenerated and chosen in whatever order', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25, size: 'max' }), play), {
    numRuns: 40,
  });
});
