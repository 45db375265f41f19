import { relative } from 'node:path';

export interface Running {
  readonly port: number;
  readonly dataDir: string;
  readonly databaseDir: string | undefined;
  readonly logDir: string;
  readonly redis: string;
  readonly postgres: string;
  readonly model: string;
  readonly hasPage: boolean;
}

/** What `npm start` says once everything runs. */
export function banner(running: Running): string {
  const site = `http://localhost:${running.port}`;
  const data = short(running.dataDir);
  const isDefault = data === '.holdfast';
  // Processes that join later read the environment file of this data folder.
  const join = (app: string) =>
    isDefault ? `npm run ${app}` : `node --env-file=${data}/env apps/${app}/src/main.ts`;
  const rows = [
    ['page', running.hasPage ? site : 'not built'],
    ['API docs', `${site}/docs`],
    ['model', running.model],
    ['Redis', running.redis],
    ['Postgres', running.postgres],
    ['data', running.databaseDir === undefined ? data : `${data}, database in ${running.databaseDir}`],
    ['logs', short(running.logDir)],
    [],
    ['one more worker', join('worker')],
    ['one more API process', `PORT=${running.port + 1} ${join('api')}`],
    ['stop', 'Ctrl-C'],
  ];
  const lines = rows.map(([label = '', value = '']) => `  ${label.padEnd(22)}${value}`.trimEnd());
  return ['', '  Holdfast is running.', '', ...lines, ''].join('\n');
}

/** A URL to show: without its password. */
export function publicUrl(url: string): string {
  const shown = new URL(url);
  shown.password = '';
  return shown.href;
}

function short(path: string): string {
  const fromHere = relative('.', path);
  return fromHere === '' || fromHere.startsWith('..') ? path : fromHere;
}
