/**
 * `npm run build:client`: the package as it is published, in `packages/client/dist`: `npm publish packages/client/dist`.
 *
 * tsc writes the modules one by one, so that bundlers take what is used and people can read what they debug. The types
 * stand by themselves: those that come from the server's zod schemas are written out as tsc has worked them out, and the
 * few modules of packages/shared that are needed are copied in.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageDir = dirname(dirname(fileURLToPath(import.meta.url)));
const protocolDir = join(packageDir, '../shared/src/protocol');
/** The package as it is published. */
export const dist = join(packageDir, 'dist');
/** The sources as they will lie beside each other; and what tsc makes of them. See tsconfig.build.json. */
const staged = join(dist, 'staged');
const emitted = join(dist, 'emitted');
const entries = { '.': 'index', './chat': 'chat', './react': 'react', './vue': 'vue' } as const;

/** Builds it anew. Throws when tsc finds a mistake. Returns the folder. */
export function buildClient(): string {
  rmSync(dist, { recursive: true, force: true });
  stage(join(packageDir, 'src'), '.');
  stage(protocolDir, 'protocol');
  writeFileSync(join(staged, 'wire-types.ts'), wireQuestions());
  const { status, stdout } = spawnSync('tsc', ['-p', join(packageDir, 'tsconfig.build.json')], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`tsc could not build the client:\n${stdout}`);
  writeFileSync(
    join(emitted, 'wire.d.ts'),
    wireAnswers(readFileSync(join(emitted, 'wire-types.d.ts'), 'utf8')),
  );
  moveUsed();
  for (const folder of [staged, emitted]) rmSync(folder, { recursive: true });
  writeFileSync(join(dist, 'package.json'), manifest());
  copyFileSync(join(packageDir, 'README.md'), join(dist, 'README.md'));
  copyFileSync(join(packageDir, '../../LICENSE'), join(dist, 'LICENSE'));
  return dist;
}

/** Copies sources, with the paths of what they import from packages/shared as they will be. */
function stage(from: string, to: string): void {
  for (const file of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const target = join(to, file);
    const text = readFileSync(join(from, file), 'utf8').replaceAll(
      /'@holdfast\/shared\/(protocol\/[^']+)'/g,
      (_, path: string) => {
        const found = relative(dirname(target), path);
        return found.startsWith('.') ? `'${found}'` : `'./${found}'`;
      },
    );
    mkdirSync(dirname(join(staged, target)), { recursive: true });
    writeFileSync(join(staged, target), text);
  }
}

const wireFile = join(packageDir, 'src/wire.ts');

/** The types that src/wire.ts has. */
function wireNames(): string[] {
  const source = readFileSync(wireFile, 'utf8');
  const listed = [...source.matchAll(/^export type \{([^}]*)\}/gm)].flatMap(([, names = '']) =>
    names.split(',').flatMap((name) => name.trim().split(' as ').at(-1) || []),
  );
  const declared = [...source.matchAll(/^export type (\w+) =/gm)].map(([, name = '']) => name);
  return [...listed, ...declared].sort();
}

/** A module that makes tsc write out each type: of what is spread, it says every field. */
function wireQuestions(): string {
  const names = wireNames();
  const lines = names.map(
    (name) => `declare const a${name}: Wire.${name};\nexport const ${name} = { ...a${name} };`,
  );
  return `import type * as Wire from './wire.ts';\n${lines.join('\n')}\n`;
}

/** The types as tsc has written them out. */
function wireAnswers(declarations: string): string {
  const types = declarations.replaceAll(/^export declare const (\w+):/gm, 'export type $1 =');
  const written = [...types.matchAll(/^export type (\w+) =/gm)].map(([, name = '']) => name);
  const missing = wireNames().filter((name) => !written.includes(name));
  if (missing.length > 0 || /\bimport\b|\bany\b/.test(types)) {
    throw new Error(`tsc did not write out all types of wire.ts: ${missing.join(', ') || types}`);
  }
  return `/** What goes over the wire: docs/PROTOCOL.md. */\n${types}`;
}

/** Moves what the entries lead to into dist. */
function moveUsed(): void {
  const used = new Set<string>();
  const use = (file: string, extension: '.js' | '.d.ts'): void => {
    if (used.has(file + extension)) return;
    used.add(file + extension);
    const text = readFileSync(join(emitted, file + extension), 'utf8')
      // tsc leaves the imports of declarations as they are.
      .replaceAll(/(?<=(?:from |import\()['"])(\.[^'"]+)\.ts(?=['"])/g, '$1.js');
    if (/@holdfast\/shared|['"]zod/.test(text)) throw new Error(`${file} needs what is not published`);
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    writeFileSync(join(dist, file + extension), text);
    for (const [, path = ''] of text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g)) {
      use(join(dirname(file), path), extension);
    }
  };
  for (const entry of Object.values(entries)) {
    use(entry, '.js');
    use(entry, '.d.ts');
  }
}

/** Of the published package: what only this workspace needs is left out. */
function manifest(): string {
  const { name, version, type, dependencies, peerDependencies, peerDependenciesMeta, ...more } = JSON.parse(
    readFileSync(join(packageDir, 'package.json'), 'utf8'),
  );
  const { '@holdfast/shared': _, ...needed } = dependencies;
  const exports = Object.fromEntries(
    Object.entries(entries).map(([path, entry]) => [
      path,
      { types: `./${entry}.d.ts`, default: `./${entry}.js` },
    ]),
  );
  const published = {
    name,
    version,
    description: more.description,
    license: more.license,
    type,
    sideEffects: false,
    exports: { ...exports, './package.json': './package.json' },
    files: ['**/*.js', '**/*.d.ts'],
    engines: { node: '>=22' },
    ...(Object.keys(needed).length > 0 && { dependencies: needed }),
    peerDependencies,
    peerDependenciesMeta,
  };
  return `${JSON.stringify(published, null, 2)}\n`;
}

if (import.meta.main) console.log(`built ${relative(process.cwd(), buildClient())}`);
