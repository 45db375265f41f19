/** What stands before the chat: come in as a guest, log in or register. */
import { type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Button } from '../ui/button.tsx';
import { Problem } from '../ui/field.tsx';
import { useWork } from '../ui/use-work.ts';
import { Card } from './card.tsx';
import { Credentials } from './credentials.tsx';
import { client, signIn } from './session.ts';

export function Gate({
  lead,
  problem,
}: {
  readonly lead: string;
  readonly problem: string | null;
}): ReactNode {
  const words = useWords();
  const work = useWork();
  const [form, setForm] = useState<'login' | 'register' | null>(null);
  if (form) {
    return (
      <Card lead={lead}>
        <Credentials mode={form} onUser={signIn} onBack={() => setForm(null)} />
      </Card>
    );
  }
  const enter = () => work.run(async (signal) => signIn((await client.guest('cookie', { signal })).user));
  return (
    <Card lead={lead}>
      <div className="grid gap-3">
        <Problem testId="gate-problem">{work.problem ?? problem}</Problem>
        <Button kind="primary" testId="guest" disabled={work.isBusy} onClick={() => void enter()}>
          {words.gate.guest}
        </Button>
        <p className="text-center text-[0.8125rem] text-balance text-faint">{words.gate.guestHint}</p>
        <p className="flex items-center gap-3 text-[0.8125rem] text-faint before:h-px before:flex-1 before:bg-line after:h-px after:flex-1 after:bg-line">
          {words.gate.or}
        </p>
        <div className="grid grid-cols-2 gap-3">
          <Button testId="show-login" onClick={() => setForm('login')}>
            {words.gate.logIn}
          </Button>
          <Button testId="show-register" onClick={() => setForm('register')}>
            {words.gate.register}
          </Button>
        </div>
      </div>
    </Card>
  );
}
