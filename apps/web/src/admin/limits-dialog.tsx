import { type FormEvent, type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Field, Problem } from '../ui/field.tsx';
import { Modal } from '../ui/modal.tsx';
import { useWork } from '../ui/use-work.ts';
import type { User } from './users.tsx';

const names = [
  'requestsPerMinute',
  'eventConnections',
  'waitingRuns',
  'concurrentRuns',
  'tokensPerDay',
  'weight',
  'priority',
] as const satisfies readonly (keyof User['limits'])[];

/** What differs for one user from the settings of the server. */
export function LimitsDialog({
  user,
  onClose,
  onChanged,
}: {
  readonly user: User;
  readonly onClose: () => void;
  readonly onChanged: (user: User) => void;
}): ReactNode {
  const { admin, common, tune } = useWords();
  const work = useWork();
  const [values, setValues] = useState<Readonly<Record<string, string>>>(
    Object.fromEntries(Object.entries(user.limits).map(([name, value]) => [name, String(value)])),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const set = names.flatMap((name) => {
      const value = values[name] ?? '';
      return value === '' ? [] : [[name, Number(value)] as const];
    });
    void work.run(async (signal) =>
      onChanged(await client.updateUser(user.id, { limits: Object.fromEntries(set) }, { signal })),
    );
  };
  return (
    <Modal
      title={admin.limitsOf(user.name)}
      description={admin.limitsHint}
      testId="limits-dialog"
      onClose={onClose}
    >
      <form className="grid gap-4" onSubmit={submit}>
        <Problem>{work.problem}</Problem>
        <div className="grid gap-4 sm:grid-cols-2">
          {names.map((name) => (
            <Field
              key={name}
              label={admin.limit[name]}
              type="number"
              step={name === 'weight' ? 'any' : 1}
              placeholder={tune.asServer}
              value={values[name] ?? ''}
              onChange={({ target }) => setValues({ ...values, [name]: target.value })}
            />
          ))}
        </div>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>{common.cancel}</Button>
          <Button type="submit" kind="primary" disabled={work.isBusy}>
            {common.save}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
