import { readPrompt } from '@holdfast/shared/store/branches.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import type { Prompt } from './upstream/upstream.ts';

/** Models that take a last message of their own for finished would else begin a new answer. */
const goOn =
  'Go on with your last answer exactly where it stops, in the middle of a word if need be. Repeat nothing of it and do not comment on it.';

/** What a run asks, and the text that its answer begins with. */
export interface RunPrompt {
  readonly prompt: Prompt;
  readonly begun: string;
}

/**
 * What the model is asked in a run: the conversation's system prompt, and the branch that ends with the message to
 * answer, or with the answer to continue. Answers that are empty, because they were stopped or failed before their first
 * word, are left out.
 */
export async function buildPrompt(store: Store, run: RunRow): Promise<RunPrompt> {
  const leafId = run.continues_id ?? run.prompt_message_id;
  const messages = await readPrompt(store, run.conversation_id, leafId);
  const last = messages.at(-1);
  const begun = (run.continues_id !== null && last?.role === 'assistant' && last.content) || '';
  if (begun !== '') messages.push({ role: 'user', content: goOn });
  return { prompt: { model: run.model, messages, parameters: run.parameters }, begun };
}
