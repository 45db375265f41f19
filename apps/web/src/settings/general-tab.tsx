import type { CurrentUser } from '@holdfast/client';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { languages } from '../i18n/words.ts';
import { applyTheme, readTheme, themes } from '../preferences.ts';
import { client, signIn } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Choice, Field, Problem } from '../ui/field.tsx';
import { useWork } from '../ui/use-work.ts';

/** Each language in itself: whoever looks for it knows no other. */
const names = { en: 'English', zh: '简体中文' } as const;

/** The name that others see, how the page looks, and for a guest the way to keep everything. */
export function GeneralTab({
  user,
  onRegister,
}: {
  readonly user: CurrentUser;
  readonly onRegister: () => void;
}): ReactNode {
  const { words, language, setLanguage } = useLanguage();
  const { settings, common, account } = words;
  const work = useWork();
  const [name, setName] = useState(user.name);
  const [theme, setTheme] = useState(readTheme);
  const [isSaved, setSaved] = useState(false);
  const rename = (event: FormEvent) => {
    event.preventDefault();
    void work
      .run(async (signal) => signIn(await client.updateMe({ name: name.trim() }, { signal })))
      .then(setSaved);
  };
  return (
    <div className="grid gap-5">
      {user.kind === 'guest' && (
        <div className="grid gap-3 rounded-xl bg-tint p-4">
          <p className="text-[0.9375rem]">{settings.guest}</p>
          <Button
            kind="primary"
            testId="settings-register"
            className="justify-self-start"
            onClick={onRegister}
          >
            {account.keep}
          </Button>
        </div>
      )}
      <form onSubmit={rename} className="grid grid-cols-[minmax(0,1fr)_auto] items-end gap-2">
        <Field
          label={settings.ownName}
          testId="own-name"
          autoComplete="name"
          maxLength={100}
          required
          value={name}
          onChange={({ target }) => {
            setSaved(false);
            setName(target.value);
          }}
        />
        <Button type="submit" testId="rename" disabled={work.isBusy}>
          {isSaved ? common.saved : common.save}
        </Button>
      </form>
      <Problem>{work.problem}</Problem>
      <div className="grid gap-5 sm:grid-cols-2">
        <Choice
          label={settings.theme}
          testId="theme"
          value={theme}
          onValue={(value) => {
            const wanted = themes.find((one) => one === value) ?? 'system';
            setTheme(wanted);
            applyTheme(wanted);
          }}
          choices={themes.map((one) => [one, settings.themes[one]])}
        />
        <Choice
          label={settings.language}
          testId="language"
          value={language}
          onValue={(value) => setLanguage(languages.find((one) => one === value) ?? 'en')}
          choices={languages.map((one) => [one, names[one]])}
        />
      </div>
    </div>
  );
}
