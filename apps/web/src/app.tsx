/** What the address asks for, for whoever is there. */
import { lazy, type ReactNode } from 'react';
import { useAddress } from './address.ts';
import { ChatPage } from './chat/chat-page.tsx';
import { useWords } from './i18n/language.tsx';
import { sentenceOf } from './problems.ts';
import { Card } from './session/card.tsx';
import { Gate } from './session/gate.tsx';
import { Invitation } from './session/invitation.tsx';
import { useSession } from './session/session.ts';
import { Fallible } from './ui/fallible.tsx';

const AdminPage = lazy(() => import('./admin/admin-page.tsx'));
const SharedPage = lazy(() => import('./shared/shared-page.tsx'));

export function App(): ReactNode {
  const words = useWords();
  const address = useAddress();
  const session = useSession();
  if (address.view === 'shared') {
    return (
      <Fallible key={address.token}>
        <SharedPage token={address.token} />
      </Fallible>
    );
  }
  if (session.state === 'unknown') {
    return session.problem === null ? null : <Card lead={sentenceOf(words, session.problem)} />;
  }
  if (session.state === 'signed-out') {
    const invited = address.view === 'invitation' ? words.gate.invited : words.gate.lead;
    const problem = session.problem === null ? null : sentenceOf(words, session.problem);
    return <Gate lead={session.hasEnded ? words.gate.signedOut : invited} problem={problem} />;
  }
  const { user } = session;
  switch (address.view) {
    case 'invitation':
      return <Invitation key={address.token} token={address.token} />;
    case 'admin':
      return (
        <Fallible>
          <AdminPage user={user} />
        </Fallible>
      );
    case 'chat':
      // Another user has nothing in common with this one.
      return <ChatPage key={user.id} user={user} conversationId={address.conversationId} />;
  }
}
