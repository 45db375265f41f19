import type { ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Credentials } from '../session/credentials.tsx';
import { signIn } from '../session/session.ts';
import { Modal } from '../ui/modal.tsx';

/** A guest becomes a member, and keeps everything. */
export default function RegisterDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { gate } = useWords();
  return (
    <Modal title={gate.register} description={gate.keep} testId="register-dialog" onClose={onClose}>
      <Credentials
        mode="register"
        onBack={onClose}
        onUser={(user) => {
          signIn(user);
          onClose();
        }}
      />
    </Modal>
  );
}
