/** The instructions of a conversation and the parameters of its answers. */
import type { Conversation } from '@holdfast/client';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Field, fieldShape, Problem } from '../ui/field.tsx';
import { Modal } from '../ui/modal.tsx';
import { useWork } from '../ui/use-work.ts';
import type { Settings } from './model-menu.tsx';
import { cleaned } from './text.ts';

const systemPromptCharsMax = 32_000;

/** The parameters that people set; programs may set more, and those stay as they are. */
const names = ['temperature', 'top_p', 'max_tokens', 'seed'] as const;
type Name = (typeof names)[number];

const ranges: Readonly<
  Record<Name, { readonly min?: number; readonly max?: number; readonly step: number | 'any' }>
> = {
  temperature: { min: 0, max: 2, step: 0.1 },
  top_p: { min: 0, max: 1, step: 0.05 },
  max_tokens: { min: 1, max: 1_000_000, step: 1 },
  seed: { step: 1 },
};

export default function TuneDialog({
  conversation,
  settings,
  onSettings,
  onClose,
}: {
  readonly conversation: Conversation | null;
  readonly settings: Settings;
  readonly onSettings: (settings: Settings) => void;
  readonly onClose: () => void;
}): ReactNode {
  const { tune, common } = useWords();
  const work = useWork();
  const now = conversation ?? settings;
  const [system, setSystem] = useState(now.systemPrompt ?? '');
  const [values, setValues] = useState<Record<Name, string>>(() => {
    const { temperature, top_p, max_tokens, seed } = now.parameters ?? {};
    const text = (value: number | undefined) => (value === undefined ? '' : String(value));
    return {
      temperature: text(temperature),
      top_p: text(top_p),
      max_tokens: text(max_tokens),
      seed: text(seed),
    };
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const set = names.flatMap((name) => (values[name] === '' ? [] : [[name, Number(values[name])] as const]));
    const { temperature: _t, top_p: _p, max_tokens: _m, seed: _s, ...others } = now.parameters ?? {};
    const parameters = { ...others, ...Object.fromEntries(set) };
    const systemPrompt = cleaned(system).trim();
    const isPlain = Object.keys(parameters).length === 0;
    if (!conversation) {
      const { model } = settings;
      onSettings({
        ...(model === undefined ? {} : { model }),
        ...(systemPrompt === '' ? {} : { systemPrompt }),
        ...(isPlain ? {} : { parameters }),
      });
      onClose();
      return;
    }
    const changes = {
      systemPrompt: systemPrompt === '' ? null : systemPrompt,
      parameters: isPlain ? null : parameters,
    };
    void work
      .run((signal) => client.updateConversation(conversation.id, changes, { signal }))
      .then((isDone) => isDone && onClose());
  };

  const labels: Readonly<Record<Name, readonly [label: string, hint?: string]>> = {
    temperature: [tune.temperature, tune.temperatureHint],
    top_p: [tune.topP, tune.topPHint],
    max_tokens: [tune.maxTokens],
    seed: [tune.seed],
  };
  return (
    <Modal title={tune.title} description={tune.hint} testId="tune-dialog" width="wide" onClose={onClose}>
      <form className="grid gap-4" onSubmit={submit}>
        <Problem>{work.problem}</Problem>
        <label className="grid gap-1 text-sm text-soft">
          {tune.system}
          <textarea
            data-testid="system-prompt"
            dir="auto"
            rows={5}
            maxLength={systemPromptCharsMax}
            placeholder={tune.systemHint}
            className={`${fieldShape} text-ink`}
            value={system}
            onChange={({ target }) => setSystem(target.value)}
          />
        </label>
        <div className="grid gap-4 sm:grid-cols-2">
          {names.map((name) => (
            <Field
              key={name}
              label={labels[name][0]}
              hint={labels[name][1]}
              testId={name}
              type="number"
              inputMode="decimal"
              placeholder={tune.asServer}
              {...ranges[name]}
              value={values[name]}
              onChange={({ target }) => setValues({ ...values, [name]: target.value })}
            />
          ))}
        </div>
        <div className="flex flex-wrap justify-end gap-2">
          <Button
            kind="quiet"
            className="me-auto"
            onClick={() => {
              setSystem('');
              setValues({ temperature: '', top_p: '', max_tokens: '', seed: '' });
            }}
          >
            {tune.reset}
          </Button>
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" kind="primary" testId="tune-save" disabled={work.isBusy}>
            {common.save}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
