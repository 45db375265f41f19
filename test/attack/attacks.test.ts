/** The table of attacks is whole: each row is shown by something that exists. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attacks } from './attacks.ts';
import { sent } from './sent.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const rows = Array.from({ length: 45 }, (_, n) => `A${n + 1}`);

describe('the table of attacks', () => {
  it('has each row once', () => {
    expect(attacks.map(({ row }) => row)).toEqual(rows);
    expect(Object.keys(sent).filter((row) => !rows.includes(row))).toEqual([]);
  });

  it('has for each of them requests, tests, or a reason', () => {
    const empty = attacks.filter(
      ({ row, shown = [], none }) =>
        (sent[row] ?? []).length === 0 && shown.length === 0 && none === undefined,
    );
    expect(empty).toEqual([]);
  });

  it('names only tests that exist', () => {
    const missing = attacks.flatMap(({ row, shown = [] }) =>
      shown.filter(([file, title]) => !read(`../${file}`).includes(title)).map((one) => [row, ...one]),
    );
    expect(missing).toEqual([]);
  });
});

it('every package is the one that was chosen: with its hash, and without scripts of its own unless one was looked at', () => {
  const { packages } = JSON.parse(read('../../package-lock.json')) as {
    packages: Record<
      string,
      {
        resolved?: string;
        integrity?: string;
        link?: boolean;
        optional?: boolean;
        hasInstallScript?: boolean;
      }
    >;
  };
  const { allowScripts } = JSON.parse(read('../../package.json')) as {
    allowScripts: Record<string, boolean>;
  };
  const fetched = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && !link,
  );
  expect(fetched.length).toBeGreaterThan(100);
  // Binaries of other platforms were never fetched, so nobody knows their hash: see scripts/complete-lock.mjs.
  const unknown = fetched.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
  expect(unknown.filter(([, { optional }]) => optional !== true).map(([path]) => path)).toEqual([]);
  const scripted = fetched.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  const names = scripted.map(([path]) => path.split('node_modules/').at(-1) ?? '');
  expect(names.filter((name) => allowScripts[name] !== false)).toEqual([]);
});
