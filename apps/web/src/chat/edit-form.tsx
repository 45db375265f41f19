/** A field in the place of a message, until its new wording is sent or given up. */
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Button } from '../ui/button.tsx';
import { useFieldSize } from '../ui/use-field-size.ts';
import { useChatParts } from './chat-context.ts';
import { cleaned, enterKeyHint, messageCharsMax, sendsOn } from './text.ts';

export function EditForm({
  messageId,
  text,
}: {
  readonly messageId: string;
  readonly text: string;
}): ReactNode {
  const words = useWords();
  const { chat, setEditing, focusComposer } = useChatParts();
  const [draft, setDraft] = useState(text);
  const form = useRef<HTMLFormElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  useFieldSize(field, draft);

  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text]);

  const close = () => {
    const article = form.current?.closest('article');
    setEditing(null);
    // Whoever uses the keyboard is where they were.
    requestAnimationFrame(() => article?.querySelector<HTMLElement>('[data-testid=edit]')?.focus());
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const changed = cleaned(draft);
    if (changed.trim() === '') return;
    setEditing(null);
    focusComposer();
    // Should it be refused, it stands below, to be sent again or taken back.
    void chat.edit(messageId, changed);
  };
  return (
    <form ref={form} onSubmit={submit} className="w-full rounded-3xl border border-line bg-mine p-3">
      <textarea
        ref={field}
        data-testid="edit-text"
        aria-label={words.message.editLabel}
        dir="auto"
        maxLength={messageCharsMax}
        enterKeyHint={enterKeyHint()}
        value={draft}
        onChange={({ target }) => setDraft(target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && !event.nativeEvent.isComposing) {
            event.preventDefault();
            close();
          } else if (sendsOn(event.nativeEvent)) {
            event.preventDefault();
            form.current?.requestSubmit();
          }
        }}
        className="block max-h-[50dvh] min-h-16 w-full resize-none field-sizing-content bg-transparent px-2 py-1 outline-none"
      />
      <div className="mt-2 flex justify-end gap-2">
        <Button testId="edit-cancel" onClick={close}>
          {words.common.cancel}
        </Button>
        <Button type="submit" kind="primary" testId="edit-send">
          {words.message.send}
        </Button>
      </div>
    </form>
  );
}
