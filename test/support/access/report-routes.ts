/**
 * Preloaded into an API process (`node --import`): writes down every route that Fastify is told, however and by whomever, in
 * the file that `?to=` names. Fastify announces itself before anybody can register anything, so that none can be missed.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

const to = new URL(import.meta.url).searchParams.get('to') ?? '';

subscribe('fastify.initialization', (message) => {
  const { fastify } = message as { fastify: FastifyInstance };
  const routes = new Set<string>();
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.add(`${each} ${url}`);
  });
  fastify.addHook('onReady', async () => writeFileSync(to, JSON.stringify([...routes])));
});
