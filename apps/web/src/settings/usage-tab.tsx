/** What this user has used: today against the limit, and day by day. */
import type { UsageReport } from '@holdfast/client';
import { type ReactNode, useEffect, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Problem, Section } from '../ui/field.tsx';
import { useWork } from '../ui/use-work.ts';
import { UsageChart } from './usage-chart.tsx';

export function UsageTab(): ReactNode {
  const { words, language } = useLanguage();
  const { settings } = words;
  const { run, problem } = useWork();
  const [usage, setUsage] = useState<UsageReport | null>(null);
  useEffect(() => {
    void run(async (signal) => setUsage(await client.usage({}, { signal })));
  }, [run]);

  if (!usage) return <Problem>{problem}</Problem>;
  const { tokensPerDay, usedToday } = usage.limit;
  const number = new Intl.NumberFormat(language);
  const used = number.format(usedToday);
  return (
    <>
      <Section title={settings.today}>
        <p className="text-[0.9375rem] text-soft">
          {tokensPerDay === null
            ? settings.unlimited(used)
            : settings.ofLimit(used, number.format(tokensPerDay))}
        </p>
        {tokensPerDay !== null && (
          <meter
            aria-label={settings.today}
            className="h-2.5 w-full"
            min={0}
            max={tokensPerDay}
            high={tokensPerDay * 0.9}
            value={Math.min(usedToday, tokensPerDay)}
          />
        )}
      </Section>
      <Section title={settings.last30}>
        {usage.days.length === 0 ? (
          <p className="text-[0.9375rem] text-faint">{settings.noUsage}</p>
        ) : (
          <UsageChart days={usage.days} />
        )}
      </Section>
    </>
  );
}
