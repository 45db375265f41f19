/** Debian's nginx with deploy/nginx.conf, its addresses replaced by a test's. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { startGuarded } from '../../scripts/services/guardian.ts';
import { freePort } from '../../scripts/services/ports.ts';

const binary = process.env['NGINX_BIN'] ?? 'nginx';

/** Whether there is an nginx to run. It is not installed for a test: that is for the machine's owner to decide. */
export const hasNginx = spawnSync(binary, ['-v']).status === 0;

export interface Nginx {
  readonly url: string;
  /** Which of the origins answered requests for this path; known once the requests have ended. */
  servedBy(path: string): string[];
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
  // nginx' workers run as another user when it is started by root; what they buffer goes into folders below.
  chmodSync(dir, 0o711);
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

  // Guarded: a test run that is killed leaves no server behind.
  const server = await startGuarded(
    {
      command: binary,
      args: ['-c', ownFile, '-p', dir, '-g', 'daemon off;'],
      cwd: dir,
      stopSignal: 'SIGTERM',
    },
    { name: 'nginx', log: join(dir, 'nginx.log') },
  );
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(
    async () => {
      if (ended) throw new Error(`nginx ended: ${server.lastWords()}`);
      const reply = await fetch(`${url}/healthz`);
      if (!reply.ok) throw new Error(`nginx answers ${reply.status}`);
    },
    { timeout: 20_000, interval: 50 },
  );
  return {
    url,
    servedBy(path) {
      const lines = readFileSync(join(dir, 'access.log'), 'utf8').split('\n');
      const served = lines.filter((line) => line.includes(` ${path}"`));
      return origins.filter((origin) => served.some((line) => line.includes(new URL(origin).host)));
    },
    async stop() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
