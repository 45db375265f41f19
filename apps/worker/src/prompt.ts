import { readBranch } from '@holdfast/shared/store/branches.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { planKept } from '@holdfast/shared/store/kept-plans.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import type { Prompt } from './upstream/upstream.ts';

/**
 * What the model is asked in a run: the conversation's system prompt, and the branch that ends with the message to
 * answer. Answers that are empty, because they were stopped or failed before their first word, are left out.
 */
export async function buildPrompt(store: Store, run: RunRow): Promise<Prompt> {
  const conversation = await store
    .selectFrom('conversations')
    .select('system_prompt')
    .modifyFront(planKept)
    .where('id', '=', run.conversation_id)
    .executeTakeFirst();
  const branch = await readBranch(store, run.prompt_message_id);
  const messages: Prompt['messages'][number][] = branch
    .filter((message) => message.text !== '')
    .map((message) => ({ role: message.role, content: message.text }));
  const systemPrompt = conversation?.system_prompt;
  if (systemPrompt) messages.unshift({ role: 'system', content: systemPrompt });
  return { model: run.model, messages, parameters: run.parameters };
}
