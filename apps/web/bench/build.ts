/** Builds the pages that the bench compares with ours. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Puts `plain.html` and `streamdown.html` with all that they need into `outDir`. */
export async function buildCompared(outDir: string): Promise<void> {
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      outDir,
      emptyOutDir: true,
      rolldownOptions: { input: ['plain', 'streamdown'].map((name) => join(root, `${name}.html`)) },
    },
  });
}
