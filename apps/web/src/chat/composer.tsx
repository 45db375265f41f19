/** Where one writes. What stands in it survives reloads, and belongs to the conversation in which it was written. */
import { useReadable } from '@holdfast/client/react';
import { ArrowUp, Square } from 'lucide-react';
import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from 'react';
import { useWords } from '../i18n/language.tsx';
import { drafts } from '../kept.ts';
import { useFieldSize } from '../ui/use-field-size.ts';
import { useChatParts } from './chat-context.ts';
import { ModelMenu, type Settings } from './model-menu.tsx';
import { cleaned, enterKeyHint, messageCharsMax, sendsOn } from './text.ts';

export interface ComposerHandle {
  /** Not where focusing means that a keyboard covers half of the screen, unless it is asked for. */
  focus(always?: boolean): void;
  /** Puts back a text that was not sent. */
  putBack(text: string): void;
  /** Begins anew with this text. */
  write(text: string): void;
}

const round =
  'inline-grid size-9 shrink-0 place-items-center rounded-full transition-colors disabled:bg-mine disabled:text-faint [&_svg]:size-4.5';

/** `wantedId`: what the address asks for; null while a conversation is being made here. */
export function Composer({
  ref,
  wantedId,
}: {
  readonly ref: Ref<ComposerHandle>;
  readonly wantedId: string | null;
}): ReactNode {
  const words = useWords();
  const { chat, user, setEditing, scrollToEnd } = useChatParts();
  const shownId = useReadable(chat, (state) => state.conversationId);
  const runId = useReadable(chat, (state) => state.runId);
  const canWrite = useReadable(chat, (state) => state.canWrite);
  // While it is being read it is not known, and who came to write may begin.
  const isClosed = useReadable(chat, (state) => !state.canWrite && !state.isLoading);
  const isBusy = useReadable(chat, (state) => state.isBusy);
  const [text, setText] = useState(() => drafts.get(user.id, shownId));
  const [settings, setSettings] = useState<Settings>({});
  /** The run that was told to stop. */
  const [stopped, setStopped] = useState<string | null>(null);
  /** Whether it was sent while the conversation was still being read. */
  const [isHeld, setHeld] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const belongsTo = useRef(shownId);
  useFieldSize(field, text);

  const write = (now: string) => {
    setText(now);
    drafts.set(user.id, belongsTo.current, now);
  };
  const focus = (always = false) => {
    if (always || matchMedia('(pointer: fine)').matches) field.current?.focus();
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: only another conversation brings another draft
  useEffect(() => {
    if (belongsTo.current === shownId) return;
    const isMade = belongsTo.current === null && shownId !== null && wantedId !== shownId;
    belongsTo.current = shownId;
    setSettings({});
    setHeld(false);
    if (isMade) {
      // What was typed meanwhile belongs to the conversation that has just been made.
      drafts.set(user.id, null, '');
      drafts.set(user.id, shownId, text);
    } else {
      setText(drafts.get(user.id, shownId));
      focus();
    }
  }, [shownId]);

  useEffect(() => {
    if (!isHeld || (!canWrite && !isClosed)) return;
    setHeld(false);
    if (canWrite) form.current?.requestSubmit();
  }, [isHeld, canWrite, isClosed]);

  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);

  useImperativeHandle(ref, () => ({
    focus,
    putBack: (back) => write(text === '' ? back : `${back}\n${text}`),
    write(now) {
      write(now);
      focus(true);
    },
  }));

  const isEmpty = text.trim() === '';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const message = cleaned(text);
    if (isBusy || message.trim() === '') return;
    if (!canWrite) return setHeld(!isClosed);
    write('');
    scrollToEnd();
    const isNew = chat.getState().conversationId === null && Object.keys(settings).length > 0;
    void chat.ask(message, isNew ? { conversation: settings } : {});
  };
  const stop = async () => {
    setStopped(runId);
    // A button that is disabled or goes takes the focus with it; the keyboard would begin at the top of the page again.
    focus();
    if (!(await chat.stop())) setStopped(null);
  };
  const onKey = (event: KeyboardEvent) => {
    if (sendsOn(event.nativeEvent)) {
      event.preventDefault();
      form.current?.requestSubmit();
    } else if (event.key === 'ArrowUp' && text === '') {
      const mine = chat.getState().messages.findLast(({ author, isPending }) => author?.isMe && !isPending);
      if (!mine || !canWrite) return;
      event.preventDefault();
      setEditing(mine.id);
    }
  };

  return (
    <form
      ref={form}
      onSubmit={submit}
      className="rounded-3xl border border-line bg-raised p-2 shadow-card transition-colors focus-within:border-strong-line"
    >
      <label htmlFor="composer" className="sr-only">
        {words.composer.label}
      </label>
      <textarea
        ref={field}
        id="composer"
        data-testid="composer"
        rows={1}
        dir="auto"
        maxLength={messageCharsMax}
        enterKeyHint={enterKeyHint()}
        placeholder={isClosed ? words.composer.readOnly : words.composer.placeholder}
        disabled={isClosed}
        value={text}
        onChange={({ target }) => write(target.value)}
        onKeyDown={onKey}
        className="block max-h-[40dvh] min-h-11 w-full resize-none field-sizing-content bg-transparent px-3 py-2.5 leading-6 outline-none"
      />
      <div className="flex items-center gap-1.5">
        <ModelMenu settings={settings} onSettings={setSettings} />
        <span className="flex-1" />
        {runId !== null && canWrite && (
          <button
            type="button"
            data-testid="stop"
            aria-label={words.composer.stop}
            title={words.composer.stop}
            disabled={stopped === runId}
            onClick={() => void stop()}
            className={`${round} border border-strong-line text-ink hover:bg-hover`}
          >
            <Square aria-hidden className="size-3.5! fill-current" />
          </button>
        )}
        {/* While an answer is under way the next question may be sent already: it waits for its turn. */}
        {(runId === null || !canWrite || !isEmpty) && (
          <button
            type="submit"
            data-testid="send"
            aria-label={words.composer.send}
            title={words.composer.send}
            disabled={isBusy || isClosed}
            className={`${round} ${isEmpty ? 'bg-mine text-faint' : 'bg-accent text-on-accent hover:bg-accent-hover'}`}
          >
            <ArrowUp aria-hidden />
          </button>
        )}
      </div>
    </form>
  );
}
