import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes `<data>/env`, by which `npm run worker` and `npm run api` join what runs. It may hold a key, so only its
 * owner reads it. Returns how to remove it.
 */
export function writeEnvFile(dataDir: string, values: Readonly<Record<string, string>>): () => void {
  const path = join(dataDir, 'env');
  const lines = Object.entries(values).map(([name, value]) => `${name}=${quote(value)}\n`);
  rmSync(`${path}.new`, { force: true }); // an existing file would keep its own mode
  writeFileSync(`${path}.new`, lines.join(''), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return () => rmSync(path, { force: true });
}

/** Unquoted, a `#` in a password would begin a comment. Node knows three quotes and no escapes. */
function quote(value: string): string {
  const mark = ["'", '"', '`'].find((candidate) => !value.includes(candidate));
  return mark === undefined ? value : `${mark}${value}${mark}`;
}
