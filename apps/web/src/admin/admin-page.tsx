/** For administrators: the queue and its workers, the users and their limits. */
import type { CurrentUser } from '@holdfast/client';
import { ArrowLeft } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { goTo } from '../address.ts';
import { useWords } from '../i18n/language.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { Problem } from '../ui/field.tsx';
import { Queue } from './queue.tsx';
import { Users } from './users.tsx';

export default function AdminPage({ user }: { readonly user: CurrentUser }): ReactNode {
  const { admin } = useWords();
  useEffect(() => {
    document.title = `${admin.title} · Holdfast`;
  }, [admin]);
  return (
    <div data-testid="admin-page" className="h-dvh overflow-y-auto">
      <header className="mx-auto flex max-w-5xl items-center gap-2 px-4 pt-4">
        <IconButton label={admin.toChat} onClick={() => goTo(null)}>
          <ArrowLeft aria-hidden className="rtl:rotate-180" />
        </IconButton>
        <h1 className="text-xl font-semibold tracking-tight">{admin.title}</h1>
      </header>
      <main className="mx-auto grid max-w-5xl gap-8 px-4 pt-4 pb-16">
        {user.role === 'admin' ? (
          <>
            <Queue />
            <Users />
          </>
        ) : (
          <div className="grid justify-items-start gap-4">
            <Problem>{admin.forbidden}</Problem>
            <Button onClick={() => goTo(null)}>{admin.toChat}</Button>
          </div>
        )}
      </main>
    </div>
  );
}
