/** Model, tokens and time of an answer, small; what the server says only when asked is asked for when one looks. */
import type { ChatMessage } from '@holdfast/client/chat';
import { type FocusEvent, type KeyboardEvent, type ReactNode, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { useChatParts } from './chat-context.ts';

export function AnswerDetails({ message }: { readonly message: ChatMessage }): ReactNode {
  const { words, language } = useLanguage();
  const { chat } = useChatParts();
  const [isAsked, setAsked] = useState(false);
  const { id, model, usage, durationMs } = message;
  const look = () => {
    if (isAsked || durationMs !== null) return;
    setAsked(true);
    void chat.loadDuration(id);
  };
  const leave = ({ currentTarget, relatedTarget }: FocusEvent<HTMLDetailsElement>) => {
    if (!currentTarget.contains(relatedTarget)) currentTarget.open = false;
  };
  const onKey = (event: KeyboardEvent<HTMLDetailsElement>) => {
    if (event.key !== 'Escape' || !event.currentTarget.open) return;
    // It closes this, and stops no answer.
    event.preventDefault();
    event.currentTarget.open = false;
  };
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const tokens = usage && words.message.tokens(usage.inputTokens, usage.outputTokens);
  const facts = [
    model,
    tokens && (usage.estimated ? `${tokens} (${words.message.estimated})` : tokens),
    durationMs === null ? null : words.message.seconds(number.format(durationMs / 1_000)),
  ].filter((fact) => fact !== null);
  if (facts.length === 0) return null;
  return (
    <details
      className="group/details relative text-[0.8125rem]"
      onPointerEnter={look}
      onFocus={look}
      onBlur={leave}
      onKeyDown={onKey}
    >
      <summary className="list-none rounded-lg px-2 py-1 whitespace-nowrap hover:bg-hover hover:text-ink [&::-webkit-details-marker]:hidden">
        <span className="sr-only">{words.message.details}: </span>
        {[model, facts.at(-1) === model || durationMs === null ? null : facts.at(-1)]
          .filter(Boolean)
          .join(' · ')}
      </summary>
      <p
        data-testid="details"
        className="rise absolute start-0 bottom-full z-10 mb-1 w-max max-w-72 rounded-xl border border-line bg-raised px-3 py-2 text-soft shadow-float"
      >
        {facts.join(' · ')}
      </p>
    </details>
  );
}
