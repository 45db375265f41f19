/** The password, and where one is signed in. */
import type { Client, CurrentUser } from '@holdfast/client';
import { type FormEvent, type ReactNode, useCallback, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Field, Problem, Section } from '../ui/field.tsx';
import { Row, Rows } from '../ui/rows.tsx';
import { useWork } from '../ui/use-work.ts';

type Session = Awaited<ReturnType<Client['sessions']>>['sessions'][number];

export function AccountTab({ user }: { readonly user: CurrentUser }): ReactNode {
  const { words, language } = useLanguage();
  const { settings } = words;
  const { run, problem } = useWork();
  const [sessions, setSessions] = useState<readonly Session[]>([]);
  const read = useCallback(
    async (signal: AbortSignal) => setSessions((await client.sessions({ signal })).sessions),
    [],
  );
  useEffect(() => {
    void run(read);
  }, [run, read]);

  const end = (id: string) =>
    run(async (signal) => {
      await client.endSession(id, { signal });
      await read(signal);
    });
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <>
      {user.email !== null && <p className="mb-5 text-[0.9375rem] text-soft">{user.email}</p>}
      <Problem>{problem}</Problem>
      <Section title={settings.sessions}>
        <Rows testId="sessions">
          {sessions.map(({ id, device, current, lastUsedAt }) => (
            // This one ends by logging out.
            <Row key={id} action={current ? null : settings.end} onAction={() => void end(id)}>
              {browserOf(device)}
              {current ? ` (${settings.thisOne})` : ''}
              <span className="text-faint"> · {time.format(new Date(lastUsedAt))}</span>
            </Row>
          ))}
        </Rows>
      </Section>
      {user.kind === 'member' && <Password onChanged={() => void run(read)} />}
    </>
  );
}

function Password({ onChanged }: { readonly onChanged: () => void }): ReactNode {
  const {
    words: { settings },
  } = useLanguage();
  const work = useWork();
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const [isDone, setDone] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setDone(false);
    void work
      .run((signal) => client.changePassword({ current, password }, { signal }))
      .then((isChanged) => {
        setDone(isChanged);
        if (!isChanged) return;
        setCurrent('');
        setPassword('');
        onChanged();
      });
  };
  return (
    <Section title={settings.password}>
      <form onSubmit={submit} className="grid gap-3">
        <Problem>{work.problem}</Problem>
        <p role="status" className="text-[0.9375rem] text-accent empty:hidden">
          {isDone ? settings.passwordChanged : ''}
        </p>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field
            label={settings.currentPassword}
            testId="current-password"
            type="password"
            autoComplete="current-password"
            maxLength={256}
            required
            value={current}
            onChange={({ target }) => setCurrent(target.value)}
          />
          <Field
            label={settings.newPassword}
            testId="new-password"
            type="password"
            autoComplete="new-password"
            minLength={8}
            maxLength={256}
            required
            value={password}
            onChange={({ target }) => setPassword(target.value)}
          />
        </div>
        <Button type="submit" testId="change-password" className="justify-self-start" disabled={work.isBusy}>
          {settings.password}
        </Button>
      </form>
    </Section>
  );
}

/** The one word of a User-Agent by which people know it. */
function browserOf(device: string): string {
  const word = /Edg|OPR|Firefox|Chrome|Safari/.exec(device)?.[0];
  return word?.replace('Edg', 'Edge').replace('OPR', 'Opera') ?? device;
}
