/** Debian's nginx with deploy/nginx.conf, its addresses replaced by a test's. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../scripts/services/ports.ts';

const binary = process.env['NGINX_BIN'] ?? 'nginx';

/** Whether there is an nginx to run. It is not installed for a test: that is for the machine's owner to decide. */
export const hasNginx = spawnSync(binary, ['-v']).status === 0;

export interface Nginx {
  readonly url: string;
  stop(): Promise<void>;
}

/** Replaces one part of the configuration; a part that is not there any more would test something else. */
function replaced(config: string, part: RegExp, by: string): string {
  if (!part.test(config)) throw new Error(`deploy/nginx.conf has no ${part}`);
  return config.replace(part, by);
}

/** Starts nginx in front of these origins and resolves when it answers. */
export async function startNginx(origins: readonly string[]): Promise<Nginx> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-nginx-'));
  const port = await freePort();
  const servers = origins.map((origin) => `server ${new URL(origin).host} max_fails=1 fail_timeout=2s;`);

  const file = new URL('../../deploy/nginx.conf', import.meta.url);
  let config = readFileSync(file, 'utf8').replaceAll('/tmp/', `${dir}/`);
  // There is no Docker name server here, and `resolve` is younger than Debian's nginx.
  config = replaced(config, /^\s*resolver .*$/m, '');
  config = replaced(config, /server api:3000 [^;]*;/, servers.join('\n    '));
  config = replaced(config, /listen 8080;/, `listen 127.0.0.1:${port};`);
  config = replaced(config, /error_log stderr warn;/, `error_log ${dir}/error.log warn;`);
  config = replaced(config, /worker_processes auto;/, 'worker_processes 1;');
  config = replaced(config, /access_log \/dev\/stdout line;/, `access_log ${dir}/access.log line;`);
  const ownFile = join(dir, 'nginx.conf');
  writeFileSync(ownFile, config);

  const child = spawn(binary, ['-c', ownFile, '-p', dir, '-g', 'daemon off; user root;'], {
    stdio: 'inherit',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
      const reply = await fetch(`${url}/healthz`);
      if (!reply.ok) throw new Error(`nginx answers ${reply.status}`);
    },
    { timeout: 20_000, interval: 50 },
  );
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
