/** What waits, what is being answered, and who answers; read again and again while somebody looks. */
import { type Client, UnreachableError } from '@holdfast/client';
import { type ReactNode, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { sentenceOf } from '../problems.ts';
import { client } from '../session/session.ts';
import { Problem } from '../ui/field.tsx';
import { Row, Rows } from '../ui/rows.tsx';
import { Table } from './table.tsx';

type QueueState = Awaited<ReturnType<Client['queue']>>;

const readEveryMs = 3_000;

export function Queue(): ReactNode {
  const { words, language } = useLanguage();
  const { admin } = words;
  const [queue, setQueue] = useState<QueueState | null>(null);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    const gone = new AbortController();
    const { signal } = gone;
    const read = async () => {
      if (document.visibilityState === 'hidden') return;
      try {
        setQueue(await client.queue({ signal }));
        setError(null);
      } catch (failure) {
        if (!signal.aborted) setError(failure);
      }
    };
    void read();
    const timer = setInterval(() => void read(), readEveryMs);
    return () => {
      gone.abort();
      clearInterval(timer);
    };
  }, []);

  const time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
  return (
    <section className="grid gap-4" aria-labelledby="queue-title">
      <h2 id="queue-title" className="text-lg font-semibold">
        {admin.queue}
      </h2>
      <Problem>
        {error !== null &&
          (queue === null || !(error instanceof UnreachableError)) &&
          sentenceOf(words, error)}
      </Problem>
      {queue && (
        <>
          <dl className="grid grid-cols-3 gap-3" data-testid="queue-figures">
            {[
              [admin.waiting, queue.waiting],
              [admin.running, queue.running],
              [admin.workers, queue.workers.length],
            ].map(([name, figure]) => (
              <div
                key={name}
                className="flex flex-col-reverse justify-end rounded-2xl border border-line bg-raised p-4"
              >
                <dt className="text-[0.875rem] text-faint">{name}</dt>
                <dd className="text-2xl font-semibold tabular-nums">{figure}</dd>
              </div>
            ))}
          </dl>
          {queue.workers.length === 0 ? (
            <Problem>{admin.noWorkers}</Problem>
          ) : (
            <Table
              label={admin.workers}
              head={[admin.worker, admin.load, admin.seen]}
              rows={queue.workers.map(({ id, running, concurrency, seenAt }) => ({
                key: id,
                cells: [
                  <code key="id" className="font-mono text-[0.8125rem]">
                    {id}
                  </code>,
                  `${running} / ${concurrency}`,
                  time.format(new Date(seenAt)),
                ],
              }))}
            />
          )}
          {queue.waitingByUser.length > 0 && (
            <>
              <h3 className="font-semibold">{admin.longest}</h3>
              <Rows>
                {queue.waitingByUser.map(({ userId, name, waiting }) => (
                  <Row key={userId} aside={<span className="tabular-nums">{waiting}</span>}>
                    {name}
                  </Row>
                ))}
              </Rows>
            </>
          )}
        </>
      )}
    </section>
  );
}
