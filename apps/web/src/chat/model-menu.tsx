/** Which model answers, how, and with which instructions. For a conversation that is yet to be made it is kept until then. */
import type { CreateConversation, ModelList } from '@holdfast/client';
import { useReadable } from '@holdfast/client/react';
import { ChevronDown, SlidersHorizontal } from 'lucide-react';
import { lazy, type ReactNode, useEffect, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { IconButton } from '../ui/button.tsx';
import { Fallible } from '../ui/fallible.tsx';
import { Menu, MenuChoice } from '../ui/menu.tsx';
import { useWork } from '../ui/use-work.ts';
import { useChatParts } from './chat-context.ts';
import { useConversation } from './use-conversation.ts';

const TuneDialog = lazy(() => import('./tune-dialog.tsx'));

export type Settings = Pick<CreateConversation, 'model' | 'parameters' | 'systemPrompt'>;

/** Asked for once; whoever is signed in is offered the same. */
let known: Promise<ModelList> | null = null;

function readModels(): Promise<ModelList> {
  known ??= client.models().catch((error: unknown) => {
    known = null;
    throw error;
  });
  return known;
}

export function ModelMenu({
  settings,
  onSettings,
}: {
  readonly settings: Settings;
  readonly onSettings: (settings: Settings) => void;
}): ReactNode {
  const words = useWords();
  const parts = useChatParts();
  const conversation = useConversation(parts);
  const canWrite = useReadable(parts.chat, (state) => state.canWrite);
  const work = useWork();
  const [models, setModels] = useState<ModelList['models']>([]);
  const [tunes, setTunes] = useState(false);

  useEffect(() => {
    let isHere = true;
    readModels().then(
      (list) => isHere && setModels(list.models),
      // Without the list the default model answers.
      () => {},
    );
    return () => {
      isHere = false;
    };
  }, []);

  if (conversation ? conversation.role === 'reader' : !canWrite) return null;
  const fallback = models.find((model) => model.default)?.id ?? '';
  const model = conversation?.model ?? settings.model ?? fallback;
  const choose = (id: string) => {
    if (conversation)
      void work.run((signal) => client.updateConversation(conversation.id, { model: id }, { signal }));
    else onSettings({ ...settings, model: id });
  };
  return (
    <>
      {models.length > 0 && (
        <Menu
          align="start"
          side="top"
          items={
            <MenuChoice
              label={words.composer.model}
              value={model}
              onValue={choose}
              choices={models.map(({ id }) => [id, id])}
            />
          }
        >
          <button
            type="button"
            data-testid="model"
            aria-label={`${words.composer.model}: ${model}`}
            className="inline-flex min-w-0 items-center gap-1.5 rounded-full px-3 py-1.5 text-[0.875rem] leading-5 text-soft transition-colors hover:bg-hover hover:text-ink"
          >
            <span className="max-w-40 truncate">{model || words.composer.defaultModel}</span>
            <ChevronDown aria-hidden className="size-3.5 shrink-0" />
          </button>
        </Menu>
      )}
      <IconButton
        testId="tune"
        label={words.composer.tune}
        className="rounded-full!"
        onClick={() => setTunes(true)}
      >
        <SlidersHorizontal aria-hidden />
      </IconButton>
      {work.problem && (
        <span role="alert" className="truncate text-[0.8125rem] text-bad">
          {work.problem}
        </span>
      )}
      {tunes && (
        <Fallible>
          <TuneDialog
            conversation={conversation}
            settings={settings}
            onSettings={onSettings}
            onClose={() => setTunes(false)}
          />
        </Fallible>
      )}
    </>
  );
}
