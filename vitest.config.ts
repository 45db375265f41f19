import { defineConfig } from 'vitest/config';

/** Real processes start within a second or two on a quiet machine; this leaves room for a busy one. */
const processTimeoutMs = 60_000;

/** The full sizes of the attacks take minutes. */
const attackTimeoutMs = 10 * processTimeoutMs;

const project = (name: string, timeoutMs: number) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: processTimeoutMs,
  },
});

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // On two cores a third file uses what two leave while they wait; more only make each other's timeouts.
    maxWorkers: 3,
    projects: [
      project('unit', 15_000),
      project('contract', 15_000),
      project('integration', processTimeoutMs),
      project('fault', 2 * processTimeoutMs),
      project('browser', 2 * processTimeoutMs),
      // As long as the sizes that are asked for take: see test/attack/sizes.ts.
      project('attack', attackTimeoutMs),
      // Full sizes and goals in milliseconds: only on demand, by `npm run reliability`.
      ...(process.env['RELIABILITY'] === undefined ? [] : [project('reliability', 5 * processTimeoutMs)]),
    ],
  },
});
