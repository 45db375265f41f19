/** The form for logging in or registering. A guest who registers keeps everything. */
import type { CurrentUser } from '@holdfast/client';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Button } from '../ui/button.tsx';
import { Field, Problem } from '../ui/field.tsx';
import { useWork } from '../ui/use-work.ts';
import { client } from './session.ts';

/** The server decides; this only tells it sooner. */
const passwordCharsMin = 8;

export function Credentials({
  mode,
  onUser,
  onBack,
}: {
  readonly mode: 'login' | 'register';
  readonly onUser: (user: CurrentUser) => void;
  readonly onBack: () => void;
}): ReactNode {
  const words = useWords();
  const work = useWork();
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const isNew = mode === 'register';

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (work.isBusy) return;
    void work.run(async (signal) => {
      const account = { email, password };
      const chosen = name.trim();
      const { user } = isNew
        ? await client.register({ ...account, ...(chosen === '' ? {} : { name: chosen }) }, { signal })
        : await client.login(account, { signal });
      onUser(user);
    });
  };

  return (
    <form className="grid gap-4" onSubmit={submit}>
      <Problem testId="gate-problem">{work.problem}</Problem>
      {isNew && (
        <Field
          label={words.gate.name}
          testId="name"
          autoComplete="name"
          maxLength={100}
          value={name}
          onChange={({ target }) => setName(target.value)}
          autoFocus
        />
      )}
      <Field
        label={words.gate.email}
        testId="email"
        type="email"
        autoComplete="username"
        maxLength={254}
        required
        value={email}
        onChange={({ target }) => setEmail(target.value)}
        autoFocus={!isNew}
      />
      <Field
        label={words.gate.password}
        hint={isNew ? words.gate.passwordHint : undefined}
        testId="password"
        type="password"
        autoComplete={isNew ? 'new-password' : 'current-password'}
        minLength={isNew ? passwordCharsMin : undefined}
        maxLength={256}
        required
        value={password}
        onChange={({ target }) => setPassword(target.value)}
      />
      <Button type="submit" kind="primary" testId="submit-credentials" disabled={work.isBusy}>
        {isNew ? words.gate.register : words.gate.logIn}
      </Button>
      <Button kind="quiet" testId="gate-back" onClick={onBack}>
        {words.common.back}
      </Button>
    </form>
  );
}
