/**
 * Code and documents say the same, and the house rules that no linter knows are kept. Documents are compared by their
 * tables: a row whose first cell is one `NAME` in backticks describes that name.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { failures, problems } from '@holdfast/shared/protocol/error-code.ts';
import { runEventTypes } from '@holdfast/shared/protocol/run-event.ts';
import { connectionEventTypes, userEventTypes } from '@holdfast/shared/protocol/user-event.ts';
import type { Setting } from '@holdfast/shared/settings.ts';
import { describe, expect, it } from 'vitest';
import { apiSettings } from '../../apps/api/src/config.ts';
import { workerSettings } from '../../apps/worker/src/config.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Everything that is, or is about to be, in the repository. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)));
const isCode = (path: string): boolean => /\.(ts|tsx|mjs|js|lua|css|html|sh)$/.test(path);
const isText = (path: string): boolean =>
  isCode(path) || /\.(md|json|ya?ml|conf|npmrc|svg|env)$|(^|\/)(Dockerfile|\.[a-z]+|run)$/.test(path);
const code = files.filter(isCode);
const codeOf = (...folders: string[]): string[] =>
  code.filter((path) => folders.some((folder) => path.startsWith(folder)));

/** The rows of a document's tables that describe a name: the name, and the cell after it, by which it is compared. */
function rows(path: string): { name: string; value: string }[] {
  const found: { name: string; value: string }[] = [];
  for (const line of read(path).split('\n')) {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    const name = /^`([A-Za-z][A-Za-z0-9_]*)`$/.exec(cells[0] ?? '')?.[1];
    if (name) found.push({ name, value: (cells[1] ?? '').replaceAll('`', '').trim() });
  }
  return found;
}
const names = (path: string): string[] => rows(path).map(({ name }) => name);

describe('docs/ERRORS.md', () => {
  const path = 'docs/ERRORS.md';

  it('has every code of a problem, with its status', () => {
    const documented = rows(path).map(({ name, value }) => `${name} ${value}`);
    const expected = Object.entries(problems).map(([name, { status }]) => `${name} ${status}`);
    expect(expected.filter((row) => !documented.includes(row))).toEqual([]);
  });

  it('has every code of a failure', () => {
    const documented = names(path);
    expect(Object.keys(failures).filter((name) => !documented.includes(name))).toEqual([]);
  });

  it('has no code that does not exist', () => {
    expect(names(path).filter((name) => !(name in problems) && !(name in failures))).toEqual([]);
  });
});

describe('docs/OPERATING.md', () => {
  const path = 'docs/OPERATING.md';
  const settings: Setting<unknown>[] = [...Object.values(apiSettings), ...Object.values(workerSettings)];
  /** What `npm start` itself reads, beyond the settings that it passes on. */
  const startNames = new Set(
    codeOf('scripts/start', 'scripts/services/')
      .flatMap((file) => [...read(file).matchAll(/\benv(?:\.|\[')([A-Z][A-Z0-9_]+)/g)])
      .map(([, name = '']) => name)
      .filter((name) => name !== 'PATH'),
  );

  it('has every setting of the API and the worker, with its default', () => {
    const values = new Map(rows(path).map(({ name, value }) => [name, value]));
    const wrong = settings
      .filter(({ name, fallback }) => {
        // People write 86,400,000.
        const value = values.get(name)?.replaceAll(/(?<=\d)[  ,_](?=\d{3})/g, '');
        if (value === undefined || fallback === undefined) return value === undefined;
        return !new RegExp(`(^|[^\\w.])${RegExp.escape(fallback)}(?!\\w)`).test(value);
      })
      .map(({ name, fallback }) => `${name}: ${fallback}`);
    expect([...new Set(wrong)]).toEqual([]);
  });

  it('has every variable that npm start honours', () => {
    expect(startNames.size).toBeGreaterThan(3);
    const documented = names(path);
    expect([...startNames].filter((name) => !documented.includes(name))).toEqual([]);
  });

  it('has no variable that nothing reads', () => {
    const sources = code.filter((file) => !file.startsWith('test/')).map(read);
    const known = new Set([...settings.map(({ name }) => name), ...startNames]);
    const isRead = (name: string) =>
      sources.some((source) => new RegExp(`env(\\.|\\[['"])${name}\\b`).test(source));
    const variables = names(path).filter((name) => /^[A-Z][A-Z0-9_]+$/.test(name));
    expect(variables.filter((name) => !known.has(name) && !isRead(name))).toEqual([]);
  });
});

describe('docs/PROTOCOL.md', () => {
  it('has every event type', () => {
    expect(names('docs/PROTOCOL.md')).toEqual(expect.arrayContaining([...runEventTypes]));
  });

  it('has every event type of /api/events', () => {
    const text = read('docs/PROTOCOL.md');
    const types = [...userEventTypes, ...connectionEventTypes];
    expect(types.filter((type) => !text.includes(`\n| \`${type}\` |`))).toEqual([]);
  });
});

describe('the code', () => {
  const sources = codeOf('apps/', 'packages/').filter((path) => !path.endsWith('/error-code.ts'));

  it('uses every code of a problem and of a failure', () => {
    const texts = sources.map(read);
    const isUsed = (name: string): boolean => {
      // `notFound` puts some of them together.
      const notFound = name.endsWith('_not_found') ? `|notFound\\('${name.replace('_not_found', '')}'` : '';
      const use = new RegExp(`(['"\`])${name}\\1${notFound}|\\b${name}: \\[`);
      return texts.some((text) => use.test(text));
    };
    expect([...Object.keys(problems), ...Object.keys(failures)].filter((name) => !isUsed(name))).toEqual([]);
  });

  it('has no file of more than 250 lines that does not say why', () => {
    const long = code.filter((path) => {
      const lines = read(path).split('\n');
      return lines.length > 251 && !lines.slice(0, 30).join('\n').includes('longer than 250 lines because');
    });
    expect(long).toEqual([]);
  });

  it('leaves no test out, and does not run one alone', () => {
    const alone = /\b(it|test|describe)(\.\w+)*\.(only|skip|todo)\b/;
    expect(codeOf('test/').filter((path) => alone.test(read(path)))).toEqual([]);
  });
});

describe('every file', () => {
  const texts = files.filter(isText).filter((path) => !path.endsWith('package-lock.json'));

  it('is free of the paths of a machine', () => {
    const ofMachine = /(?<![\w.~$}-])\/(home|Users|root|work|tmp|var\/folders)\/[\w.-]+/;
    // Images have paths of their own; the browser's package brings a font configuration that names one.
    const allowed = /^deploy\/|Dockerfile|docker-compose|^scripts\/setup\/chromium\.mjs$/;
    expect(texts.filter((path) => !allowed.test(path) && ofMachine.test(read(path)))).toEqual([]);
  });

  it('names no package registry', () => {
    const registry = new RegExp(['registry', String.raw`\.(npmjs|yarnpkg|npmmirror)\.`].join(''));
    expect([...texts, 'package-lock.json'].filter((path) => registry.test(read(path)))).toEqual([]);
  });

  it('links only to what exists', () => {
    const documents = files.filter((path) => /^(README|docs\/.*)\.md$/.test(path));
    const broken = documents.flatMap((path) => {
      const text = read(path).replaceAll(/^```[\s\S]*?^```/gm, '');
      return [...text.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)]
        .map(([, target = '']) => target)
        .filter((target) => !/^(https?:|mailto:|#)/.test(target))
        .filter((target) => !existsSync(join(root, dirname(path), target.replace(/#.*$/, ''))))
        .map((target) => `${path}: ${target}`);
    });
    expect(broken).toEqual([]);
  });
});
