import type { ReactNode } from 'react';

/** A table that scrolls by itself where it is wider than the page. */
export function Table({
  label,
  head,
  rows,
  hasActions = false,
}: {
  readonly label: string;
  readonly head: readonly ReactNode[];
  /** The last column is what can be done with a row: it stays in reach while the others scroll. */
  readonly hasActions?: boolean;
  readonly rows: readonly { readonly key: string; readonly cells: readonly ReactNode[] }[];
}): ReactNode {
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
      tabIndex={0}
      aria-label={label}
      className="overflow-x-auto rounded-2xl border border-line bg-raised"
    >
      <table
        className={`w-full text-start text-[0.9375rem] ${hasActions ? '[&_td:last-child]:sticky [&_td:last-child]:end-0 [&_td:last-child]:bg-raised' : ''}`}
      >
        <thead>
          <tr className="border-b border-line text-[0.8125rem] text-faint">
            {head.map((cell, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns have no other name
              <th key={at} scope="col" className="px-4 py-2.5 text-start font-medium whitespace-nowrap">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns have no other name
                <td key={at} className="max-w-72 px-4 py-2 align-middle">
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
