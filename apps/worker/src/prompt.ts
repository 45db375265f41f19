import { readPrompt } from '@holdfast/shared/store/branches.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import type { Prompt } from './upstream/upstream.ts';

/**
 * What the model is asked in a run: the conversation's system prompt, and the branch that ends with the message to
 * answer. Answers that are empty, because they were stopped or failed before their first word, are left out.
 */
export async function buildPrompt(store: Store, run: RunRow): Promise<Prompt> {
  const messages = await readPrompt(store, run.conversation_id, run.prompt_message_id);
  return { model: run.model, messages, parameters: run.parameters };
}
