/**
 * `npm run check:client`: builds the package, and sees what its users would: how much it weighs, whether every kind of
 * project finds its modules and types, and whether the types stand by themselves.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { buildClient, dist } from './build.ts';

/** Gzip, the whole entry, minified, by itself: what a page loads at most of it. */
const budgets = {
  index: { title: 'core: client, followRun, followEvents, applyEvent', bytesMax: 6_000 },
  chat: { title: 'chat: store, list, live events of all tabs (without createClient)', bytesMax: 13_000 },
  react: { title: 'react: chat, hooks (without createClient and React)', bytesMax: 13_000 },
  vue: { title: 'vue: chat, composables (without createClient and Vue)', bytesMax: 13_000 },
} as const;

// With `--built` it was built just now, and somebody is using it.
if (!process.argv.includes('--built')) buildClient();
let failed = 0;

function report(isOk: boolean, line: string): void {
  if (!isOk) failed += 1;
  console.log(`${isOk ? 'ok    ' : 'FAILED'} ${line}`);
}

/** One entry as a page would load it: one minified module with everything that is not a framework. */
async function sizeOf(entry: string): Promise<{ bytes: number; gzipBytes: number }> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      lib: { entry: join(dist, `${entry}.js`), formats: ['es'] },
      rolldownOptions: { external: ['react', 'vue'], output: { minify: true } },
    },
  })) as Rolldown.RolldownOutput[];
  const code = built
    .flatMap(({ output }) => output.map((one) => (one.type === 'chunk' ? one.code : '')))
    .join('');
  return { bytes: Buffer.byteLength(code), gzipBytes: gzipSync(code, { level: 9 }).length };
}

for (const [entry, { title, bytesMax }] of Object.entries(budgets)) {
  const { bytes, gzipBytes } = await sizeOf(entry);
  const line = `${title}: ${gzipBytes} B gzip of at most ${bytesMax} B (${bytes} B minified)`;
  report(gzipBytes <= bytesMax, line);
}

function run(title: string, command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: dist });
  report(status === 0, title);
  if (status !== 0) console.log(stdout + stderr);
}

run('publint', 'publint', '--strict', '.');
// Node 22 loads modules by `require`, so there is no second build for it.
run('arethetypeswrong', 'attw', '--pack', '.', '--profile', 'esm-only');
checkTypes();
process.exitCode = failed === 0 ? 0 : 1;

/** Whether the types compile in a project that has nothing but the package and what it depends on. */
function checkTypes(): void {
  const project = join(dist, '.user');
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, '@holdfast'), { recursive: true });
  mkdirSync(join(modules, '@types'));
  symlinkSync(dist, join(modules, '@holdfast/client'));
  const require = createRequire(import.meta.url);
  for (const name of ['vue', '@types/react']) {
    symlinkSync(dirname(require.resolve(`${name}/package.json`)), join(modules, name));
  }
  const names = Object.keys(budgets).map((entry) => (entry === 'index' ? '' : `/${entry}`));
  const uses = names.map((name, at) => `export * as entry${at} from '@holdfast/client${name}';`);
  writeFileSync(join(project, 'user.ts'), `${uses.join('\n')}\n`);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    preserveSymlinks: true,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts'] }));
  run('types by themselves', 'tsc', '-p', project);
  rmSync(project, { recursive: true });
}
