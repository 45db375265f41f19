import type { Conversation } from '@holdfast/client';
import { useReadable } from '@holdfast/client/react';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useChatParts } from '../chat/chat-context.ts';
import { cleaned } from '../chat/text.ts';
import { useWords } from '../i18n/language.tsx';
import { sentenceOfProblem } from '../problems.ts';
import { Button } from '../ui/button.tsx';
import { Field, Problem } from '../ui/field.tsx';
import { Modal } from '../ui/modal.tsx';

const titleCharsMax = 200;

export function RenameDialog({
  conversation,
  onClose,
}: {
  readonly conversation: Conversation;
  readonly onClose: () => void;
}): ReactNode {
  const words = useWords();
  const { list } = useChatParts();
  const problem = useReadable(list, (state) => state.problem);
  const [title, setTitle] = useState(conversation.title ?? '');
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = cleaned(title).trim();
    if (isBusy || wanted === '') return;
    setBusy(true);
    void list.rename(conversation.id, wanted).then((renamed) => {
      if (renamed) onClose();
      else setBusy(false);
    });
  };
  return (
    <Modal title={words.conversation.rename} testId="title-dialog" isQuestion onClose={onClose}>
      <form className="grid gap-4" onSubmit={submit}>
        <Problem>{problem && sentenceOfProblem(words, problem)}</Problem>
        <Field
          label={words.conversation.titleLabel}
          testId="title-field"
          dir="auto"
          maxLength={titleCharsMax}
          required
          value={title}
          onChange={({ target }) => setTitle(target.value)}
          onFocus={({ target }) => target.select()}
        />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{words.common.cancel}</Button>
          <Button type="submit" kind="primary" testId="title-save" disabled={isBusy}>
            {words.common.save}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
