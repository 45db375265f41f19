/**
 * The examples of the README as pages, for its tests: built by Vite from the package as it is published, and served
 * beside an API, under a policy as strict as that of our own page.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { compileScript, parse } from 'vue/compiler-sfc';
import { buildClient } from './build.ts';

const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'";

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
};

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

  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', api);
    if (pathname.startsWith('/api/')) return pass(request, response, api);
    try {
      const file = readFileSync(join(built, pathname));
      const type = types[extname(pathname)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    nodeExample: node,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

/** Passes a request on as it is, and the answer as it comes. */
function pass(request: http.IncomingMessage, response: http.ServerResponse, api: string): void {
  const { method, headers, url } = request;
  const onward = http.request(new URL(url ?? '/', api), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  response.on('close', () => onward.destroy());
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
