import type { Client } from '@holdfast/client';
import { type FormEvent, type ReactNode, useCallback, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { LinkField } from '../share/link-field.tsx';
import { Button } from '../ui/button.tsx';
import { Field, Problem } from '../ui/field.tsx';
import { Row, Rows } from '../ui/rows.tsx';
import { useWork } from '../ui/use-work.ts';

type ApiKey = Awaited<ReturnType<Client['apiKeys']>>['apiKeys'][number];

/** Keys by which programs act as this user. A key itself is shown once, when it is made. */
export function KeysTab(): ReactNode {
  const { words, language } = useLanguage();
  const { settings } = words;
  const { run, problem, isBusy } = useWork();
  const [keys, setKeys] = useState<readonly ApiKey[] | null>(null);
  const [name, setName] = useState('');
  const [created, setCreated] = useState<{ readonly id: string; readonly token: string } | null>(null);
  const read = useCallback(
    async (signal: AbortSignal) => setKeys((await client.apiKeys({ signal })).apiKeys),
    [],
  );
  useEffect(() => {
    void run(read);
  }, [run, read]);

  const create = (event: FormEvent) => {
    event.preventDefault();
    void run(async (signal) => {
      const { apiKey, token } = await client.createApiKey({ name: name.trim() }, { signal });
      setCreated({ id: apiKey.id, token });
      setName('');
      await read(signal);
    });
  };
  const revoke = (id: string) =>
    run(async (signal) => {
      await client.revokeApiKey(id, { signal });
      if (created?.id === id) setCreated(null);
      await read(signal);
    });
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  return (
    <div className="grid gap-4">
      <p className="text-[0.9375rem] text-soft">{settings.keysHint}</p>
      <Problem>{problem}</Problem>
      <form onSubmit={create} className="grid grid-cols-[minmax(0,1fr)_auto] items-end gap-2">
        <Field
          label={settings.keyName}
          testId="key-name"
          maxLength={100}
          required
          value={name}
          onChange={({ target }) => setName(target.value)}
        />
        <Button type="submit" testId="create-key" disabled={isBusy}>
          {settings.createKey}
        </Button>
      </form>
      {created && (
        <div className="grid gap-2 rounded-xl bg-tint p-4" role="status">
          <p className="text-[0.9375rem] font-medium">{settings.newKey}</p>
          <LinkField url={created.token} label={settings.newKey} testId="new-key" />
        </div>
      )}
      {keys?.length === 0 && <p className="text-[0.9375rem] text-faint">{settings.noKeys}</p>}
      <Rows testId="api-keys">
        {keys?.map(({ id, name: keyName, hint, lastUsedAt }) => (
          <Row key={id} action={settings.revoke} onAction={() => void revoke(id)}>
            {keyName} <code className="font-mono text-[0.8125rem] text-faint">{hint}…</code>
            <span className="text-faint">
              {' '}
              ·{' '}
              {lastUsedAt === null
                ? settings.neverUsed
                : settings.lastUsed(date.format(new Date(lastUsedAt)))}
            </span>
          </Row>
        ))}
      </Rows>
    </div>
  );
}
