/** Tokens by day, as bars; and as a table for whoever cannot see them. */
import type { UsageReport } from '@holdfast/client';
import type { ReactNode } from 'react';
import { useLanguage } from '../i18n/language.tsx';

const daysShown = 30;
const dayMs = 24 * 60 * 60 * 1_000;
const height = 120;
const barWidth = 8;
const step = 11;

interface Day {
  readonly date: string;
  readonly input: number;
  readonly output: number;
  readonly answers: number;
}

/** All days up to today (UTC, as the server counts them), also those without usage. */
function fill(days: UsageReport['days']): Day[] {
  return Array.from({ length: daysShown }, (_, n) => {
    const date = new Date(Date.now() - (daysShown - 1 - n) * dayMs).toISOString().slice(0, 10);
    const models = days.find((day) => day.date === date)?.models ?? [];
    const sum = (of: (model: (typeof models)[number]) => number) =>
      models.reduce((all, model) => all + of(model), 0);
    return {
      date,
      input: sum(({ inputTokens }) => inputTokens),
      output: sum(({ outputTokens }) => outputTokens),
      answers: sum(({ runs }) => runs),
    };
  });
}

export function UsageChart({ days }: { readonly days: UsageReport['days'] }): ReactNode {
  const { words, language } = useLanguage();
  const { settings } = words;
  const all = fill(days);
  const most = Math.max(1, ...all.map(({ input, output }) => input + output));
  const number = new Intl.NumberFormat(language, { notation: 'compact' });
  const label = new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const scale = (tokens: number) => (tokens / most) * (height - 8);
  return (
    <figure className="grid gap-2">
      <p className="text-end text-[0.8125rem] text-faint">{settings.mostInADay(number.format(most))}</p>
      <svg
        viewBox={`0 0 ${daysShown * step} ${height}`}
        className="w-full"
        role="img"
        aria-label={`${settings.chart}: ${number.format(most)}`}
      >
        <line x1="0" x2={daysShown * step} y1={height - 0.5} y2={height - 0.5} className="stroke-line" />
        {all.map(({ date, input, output }, at) => (
          <g key={date}>
            <title>{`${label.format(new Date(date))}: ${settings.read} ${number.format(input)}, ${settings.written} ${number.format(output)}`}</title>
            <rect x={at * step} y="0" width={step} height={height} className="fill-transparent" />
            <rect
              x={at * step + 1.5}
              y={height - 1 - scale(input) - scale(output)}
              width={barWidth}
              height={scale(output)}
              className="fill-accent"
            />
            <rect
              x={at * step + 1.5}
              y={height - 1 - scale(input)}
              width={barWidth}
              height={scale(input)}
              className="fill-strong-line"
            />
          </g>
        ))}
      </svg>
      <figcaption className="flex flex-wrap items-center justify-between gap-2 text-[0.8125rem] text-faint">
        <span>{label.format(new Date(all[0]?.date ?? Date.now()))}</span>
        <span className="flex gap-4">
          <span className="flex items-center gap-1.5">
            <span className="size-2.5 rounded-sm bg-strong-line" aria-hidden />
            {settings.read}
          </span>
          <span className="flex items-center gap-1.5">
            <span className="size-2.5 rounded-sm bg-accent" aria-hidden />
            {settings.written}
          </span>
        </span>
        <span>{label.format(new Date())}</span>
      </figcaption>
      <table className="sr-only">
        <caption>{settings.chart}</caption>
        <thead>
          <tr>
            <th scope="col">{settings.day}</th>
            <th scope="col">{settings.read}</th>
            <th scope="col">{settings.written}</th>
            <th scope="col">{settings.answers}</th>
          </tr>
        </thead>
        <tbody>
          {all
            .filter(({ answers }) => answers > 0)
            .map(({ date, input, output, answers }) => (
              <tr key={date}>
                <th scope="row">{date}</th>
                <td>{input}</td>
                <td>{output}</td>
                <td>{answers}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </figure>
  );
}
