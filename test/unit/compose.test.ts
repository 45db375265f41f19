/** That docker-compose.yml hangs together: it cannot be started here, but its names can be compared with the code. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { apiSettings } from '../../apps/api/src/config.ts';
import { workerSettings } from '../../apps/worker/src/config.ts';
import { readSettings } from '../../packages/shared/src/settings.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: { readonly replicas: number };
  readonly stop_grace_period?: string;
}

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docker-compose.yml', root), 'utf8');
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const { services } = compose;
const service = (name: string): Service => {
  const found = services[name];
  if (!found) throw new Error(`there is no service ${name}`);
  return found;
};

/** What a shell without any of the variables makes of `${NAME:-fallback}`. */
const withFallbacks = (environment: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, value.replace(/\$\{\w+:-([^}]*)\}/g, '$1')]),
  );

it('has what is needed, and two of what there may be many of', () => {
  expect(Object.keys(services).sort()).toEqual(
    ['api', 'migrate', 'nginx', 'postgres', 'redis', 'stand-in', 'worker'].sort(),
  );
  expect(service('api').deploy?.replicas).toBe(2);
  expect(service('worker').deploy?.replicas).toBe(2);
});

it('Redis keeps what it is given', () => {
  const command = service('redis').command?.join(' ');
  expect(command).toContain('--appendonly yes');
  expect(command).toContain('--maxmemory-policy noeviction');
});

it('every program, file and volume that it names exists', () => {
  for (const { command, build, volumes = [] } of Object.values(services)) {
    if (build) expect(existsSync(new URL(build.dockerfile, root)), build.dockerfile).toBe(true);
    if (command?.[0] === 'node')
      expect(existsSync(new URL(String(command[1]), root)), String(command)).toBe(true);
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) expect(existsSync(new URL(source, root)), source).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
  }
});

it('every part of a command is a word: what YAML takes for a mapping Docker refuses', () => {
  for (const [name, { command = [], healthcheck }] of Object.entries(services)) {
    for (const part of [...command, ...(healthcheck?.test ?? [])]) expect(part, name).toBeTypeOf('string');
  }
});

it('every image that is not ours names its version', () => {
  for (const { image = '', build } of Object.values(services)) {
    if (!build) expect(image).toMatch(/^[a-z]+:\d+(\.\d+)?-alpine$/);
  }
});

it('nginx and the stand-in are where the others look for them', () => {
  const nginx = readFileSync(new URL('deploy/nginx.conf', root), 'utf8');
  const listens = /listen (\d+);/.exec(nginx)?.[1];
  expect(service('nginx').ports?.[0]).toMatch(new RegExp(`:${listens}$`));
  expect(nginx).toContain(`server api:${apiSettings.port.fallback} resolve`);
  expect(withFallbacks(service('worker').environment)['OPENAI_BASE_URL']).toBe(
    `http://stand-in:${service('stand-in').environment?.['PORT']}/v1`,
  );
});

it('the image is built from what exists, and knows every workspace', () => {
  const dockerfile = readFileSync(new URL('deploy/Dockerfile', root), 'utf8');
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  );
  expect(copied.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
  const workspaces = globSync('{apps,packages}/*/package.json', { cwd: root });
  expect(copied).toEqual(expect.arrayContaining(workspaces));
});

it('nobody waits for a health check that does not exist', () => {
  for (const { depends_on: needs = {} } of Object.values(services)) {
    for (const [name, { condition }] of Object.entries(needs)) {
      if (condition === 'service_healthy') expect(service(name).healthcheck, name).toBeDefined();
      else expect(condition).toBe('service_completed_successfully');
    }
  }
});

it('the settings it gives are settings that exist, and as they are without any variable the processes can start', () => {
  for (const [name, settings] of [
    ['api', apiSettings],
    ['worker', workerSettings],
  ] as const) {
    const environment = withFallbacks(service(name).environment);
    const known = Object.values(settings).map((setting) => setting.name);
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)));
    expect(() => readSettings(settings, environment)).not.toThrow();
  }
});

it('containers are given longer to end than the processes take', () => {
  const seconds = (name: string) => Number.parseInt(service(name).stop_grace_period ?? '0', 10);
  expect(seconds('api') * 1_000).toBeGreaterThan(Number(apiSettings.drainMs.fallback));
  expect(seconds('worker') * 1_000).toBeGreaterThan(Number(workerSettings.drainMs.fallback));
});
