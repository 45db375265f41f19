/** That no route below /api can be forgotten: one that does not say whom it serves is not registered. */
import Fastify from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { registerAccess } from '../../apps/api/src/plugins/access.ts';
import type { App, Services } from '../../apps/api/src/routes/services.ts';

const refusal = /does not say whom it serves \(config\.access\)/;
const handler = async () => 'told';

let app: App;
beforeEach(() => {
  app = Fastify() as unknown as App;
  // Nothing is asked here: routes are only registered.
  const services = { store: undefined as unknown as Services['store'] };
  registerAccess(
    app,
    services,
    async () => null,
    async () => {},
  );
});

describe('a route below /api', () => {
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const)(
    'cannot be registered for %s without saying whom it serves',
    (method) => {
      expect(() => app.route({ method, url: '/api/things/:id', handler })).toThrow(refusal);
      expect(() => app.route({ method, url: '/api/things/:id', config: {}, handler })).toThrow(refusal);
      expect(() => app.route({ method: [method, 'TRACE'], url: '/api/*', handler })).toThrow(refusal);
    },
  );

  it('cannot hide in a plugin with a prefix', async () => {
    app.register(
      async (inner) => {
        inner.register(async (innermost) => void innermost.get('/things', handler), { prefix: '/v2' });
      },
      { prefix: '/api' },
    );
    await expect(app.ready()).rejects.toThrow(refusal);
  });

  it('is registered once it says so, with its HEAD', async () => {
    app.get('/api/things', { config: { access: { to: 'anyone' } } }, handler);
    await app.ready();
    expect(app.hasRoute({ method: 'HEAD', url: '/api/things' })).toBe(true);
    expect((await app.inject('/api/things')).body).toBe('told');
  });
});

it('a route elsewhere needs none', async () => {
  app.get('/healthz', handler);
  await app.ready();
  expect((await app.inject('/healthz')).body).toBe('told');
});
