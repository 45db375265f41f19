/** All users: found by name or e-mail, disabled, made administrators, limited. */
import type { Client } from '@holdfast/client';
import { Ellipsis } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Button, IconButton } from '../ui/button.tsx';
import { fieldShape, Problem } from '../ui/field.tsx';
import { Menu, MenuItem, MenuLine } from '../ui/menu.tsx';
import { useWork } from '../ui/use-work.ts';
import { LimitsDialog } from './limits-dialog.tsx';
import { Table } from './table.tsx';

export type User = Awaited<ReturnType<Client['users']>>['users'][number];

/** Somebody who types searches once, not at each key. */
const typingMs = 250;

export function Users(): ReactNode {
  const { words, language } = useLanguage();
  const { admin, common } = words;
  const { run, problem, isBusy } = useWork();
  const [q, setQ] = useState('');
  const [users, setUsers] = useState<readonly User[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [limited, setLimited] = useState<User | null>(null);

  useEffect(() => {
    const gone = new AbortController();
    const timer = setTimeout(
      () =>
        void run(async () => {
          const page = await client.users(q.trim() === '' ? {} : { q: q.trim() }, { signal: gone.signal });
          setUsers(page.users);
          setCursor(page.nextCursor);
        }),
      q === '' ? 0 : typingMs,
    );
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [q, run]);

  const more = () =>
    run(async (signal) => {
      if (cursor === null) return;
      const page = await client.users({ cursor, ...(q.trim() === '' ? {} : { q: q.trim() }) }, { signal });
      setUsers((before) => [...before, ...page.users]);
      setCursor(page.nextCursor);
    });
  const replace = (changed: User) =>
    setUsers((before) => before.map((user) => (user.id === changed.id ? changed : user)));
  const change = (user: User, changes: Parameters<Client['updateUser']>[1]) =>
    run(async (signal) => replace(await client.updateUser(user.id, changes, { signal })));

  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  const rows = users.map((user) => {
    const kind = user.role === 'admin' ? admin.admin : user.kind === 'guest' ? admin.guest : admin.member;
    return {
      key: user.id,
      cells: [
        <span key="name" className="block min-w-32" dir="auto">
          <span className="block truncate">{user.name}</span>
          {user.email !== null && (
            <span className="block truncate text-[0.8125rem] text-faint">{user.email}</span>
          )}
        </span>,
        <span key="kind" className="whitespace-nowrap">
          {kind}
          {user.disabled && (
            <span className="ms-2 rounded-full bg-bad-tint px-2 py-0.5 text-[0.8125rem] text-bad">
              {admin.disabled}
            </span>
          )}
        </span>,
        <span key="since" className="whitespace-nowrap">
          {date.format(new Date(user.createdAt))}
        </span>,
        Object.keys(user.limits).length === 0
          ? '–'
          : Object.entries(user.limits).map(([name, value]) => (
              <span key={name} className="block text-[0.8125rem] whitespace-nowrap">
                {admin.limit[name as keyof typeof admin.limit] ?? name}: {value}
              </span>
            )),
        <Menu
          key="menu"
          items={
            <>
              <MenuItem onSelect={() => setLimited(user)}>{admin.limits}</MenuItem>
              <MenuItem
                onSelect={() => void change(user, { role: user.role === 'admin' ? 'user' : 'admin' })}
              >
                {user.role === 'admin' ? admin.makeUser : admin.makeAdmin}
              </MenuItem>
              <MenuLine />
              <MenuItem
                isDangerous={!user.disabled}
                onSelect={() => void change(user, { disabled: !user.disabled })}
              >
                {user.disabled ? admin.enable : admin.disable}
              </MenuItem>
            </>
          }
        >
          <IconButton size="small" label={admin.actions(user.name)}>
            <Ellipsis aria-hidden />
          </IconButton>
        </Menu>,
      ],
    };
  });
  return (
    <section className="grid gap-4" aria-labelledby="users-title">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 id="users-title" className="text-lg font-semibold">
          {admin.users}
        </h2>
        <input
          type="search"
          data-testid="user-search"
          aria-label={admin.search}
          placeholder={admin.search}
          value={q}
          maxLength={200}
          onChange={({ target }) => setQ(target.value)}
          className={`${fieldShape} max-w-72!`}
        />
      </div>
      <Problem>{problem}</Problem>
      <Table
        label={admin.users}
        head={[
          admin.name,
          admin.kind,
          admin.since,
          admin.limits,
          <span key="actions" className="sr-only">
            {words.conversation.more}
          </span>,
        ]}
        rows={rows}
        hasActions
      />
      {cursor !== null && (
        <Button className="justify-self-center" disabled={isBusy} onClick={() => void more()}>
          {common.more}
        </Button>
      )}
      {limited && (
        <LimitsDialog
          user={limited}
          onClose={() => setLimited(null)}
          onChanged={(changed) => {
            replace(changed);
            setLimited(null);
          }}
        />
      )}
    </section>
  );
}
