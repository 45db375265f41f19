/**
 * The examples of the README as pages, for its tests: built by Vite from the package as it is published, and served
 * beside an API.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { compileScript, parse } from 'vue/compiler-sfc';
import { buildClient } from './build.ts';
import { servePages } from './serve-pages.ts';

export interface ReadmePages {
  readonly url: string;
  /** A file for Node to run. */
  readonly nodeExample: string;
  stop(): Promise<void>;
}

/** The only block of this language. */
function blockOf(readme: string, language: string): string {
  const [block, ...others] = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))];
  if (!block || others.length > 0) throw new Error(`the README has not exactly one example in ${language}`);
  return block[1] ?? '';
}

/** Builds the pages `vanilla.html`, `react.html` and `vue.html` and serves them; `api`: the address of the API. */
export async function startReadmePages(api: string): Promise<ReadmePages> {
  const dist = buildClient();
  const readme = readFileSync(join(dist, 'README.md'), 'utf8');
  const folder = join(dist, '.readme');
  mkdirSync(folder);
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const pageOf = (script: string) =>
    `<!doctype html><body><script type="module" src="./${script}"></script></body>`;
  write('vanilla.html', blockOf(readme, 'html'));
  write('react.html', pageOf('react.jsx'));
  write('react.jsx', blockOf(readme, 'jsx'));
  write('vue.html', pageOf('vue.js'));
  const { descriptor } = parse(blockOf(readme, 'vue'));
  write('chat.js', compileScript(descriptor, { id: 'chat', inlineTemplate: true }).content);
  write(
    'vue.js',
    `import { createClient } from '@holdfast/client';
     import { createApp } from 'vue';
     import Chat from './chat.js';
     const client = createClient();
     await client.me().catch(() => client.guest());
     createApp(Chat).mount(document.body.appendChild(document.createElement('div')));`,
  );
  const modules = ['', '/chat', '/react', '/vue'].map((path) => ({
    find: new RegExp(`^@holdfast/client${path}$`),
    replacement: join(dist, `${path.slice(1) || 'index'}.js`),
  }));
  await build({
    configFile: false,
    root: folder,
    logLevel: 'error',
    resolve: { alias: modules },
    // Vitest has set NODE_ENV to `test`, which would make it JSX for development.
    oxc: { jsx: { runtime: 'automatic', development: false } },
    define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'false' },
    build: {
      target: 'es2022',
      minify: false,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: ['vanilla', 'react', 'vue'].map((name) => join(folder, `${name}.html`)) },
    },
  });
  const built = join(folder, 'dist');
  const node = join(folder, 'node.mjs');
  const core = pathToFileURL(join(dist, 'index.js')).href;
  writeFileSync(node, blockOf(readme, 'js').replace(`'@holdfast/client'`, `'${core}'`));

  const server = await servePages(built, api);
  return {
    url: server.url,
    nodeExample: node,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
