/** Requests for the title of a conversation: what people see in their list when they try the chat without an API key. */
import type { Directive } from './directive.ts';
import { type ChatRequest, lastUserText } from './wire.ts';

/** Words of a title, and characters where a script puts no spaces between words. */
const wordsMax = 6;
const titleCharsMax = 40;

/** Whether the system prompt asks for a title. */
export function isTitleRequest(messages: ChatRequest['messages']): boolean {
  const system = messages.find((message) => message.role === 'system')?.content;
  return typeof system === 'string' && /^You write the title of a conversation\b/.test(system);
}

/** What a title request is answered: as the question's directive says in `title`, or with the first words of the question. */
export function titleDirective(messages: ChatRequest['messages'], directive: Directive | null): Directive {
  return directive?.title ?? { text: firstWords(questionIn(lastUserText(messages))) };
}

/** The question in what is told of the conversation. */
function questionIn(told: string): string {
  return /^User: ([\s\S]*?)(?:\n\nAssistant: |$)/m.exec(told)?.[1] ?? told;
}

function firstWords(question: string): string {
  const words = question
    .replace(/@@\{[\s\S]*?\}@@/g, '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, wordsMax);
  const title = [...words.join(' ')].slice(0, titleCharsMax).join('');
  return title.replace(/[\s.,;:!?。，！？]+$/u, '') || 'Conversation';
}
