import { expect, test } from 'vitest';
import { createBackoff, hintMsMax, parseRetryAfter, pause } from '../../packages/client/src/backoff.ts';

const latest = () => 0.999_999;
const earliest = () => 0;

test('the waits grow up to the cap and begin anew after something new came', () => {
  const backoff = createBackoff({ baseMs: 1_000, capMs: 10_000, random: latest });
  const waits = Array.from({ length: 6 }, () => Math.round(backoff.next()));
  expect(waits).toEqual([1_500, 2_000, 4_000, 8_000, 10_000, 10_000]);
  backoff.reset();
  expect(Math.round(backoff.next())).toBe(1_500);
});

test('no wait is shorter than the retry: field asks', () => {
  const backoff = createBackoff({ random: earliest });
  backoff.retry(1_312);
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([1_312, 1_312, 1_312]);
});

test('retry: 0 allows an immediate first try and no hammering after it', () => {
  const backoff = createBackoff({ random: latest });
  backoff.retry(0);
  expect(backoff.next()).toBe(0);
  expect(Math.round(backoff.next())).toBe(200);
  expect(Math.round(backoff.next())).toBe(400);
});

test('a retry: field that is nonsense or far too long does not switch the client off', () => {
  const backoff = createBackoff({ random: earliest });
  backoff.retry(Number.NaN);
  backoff.retry(-1);
  expect(backoff.next()).toBe(1_000);
  backoff.retry(1e12);
  expect(backoff.next()).toBe(hintMsMax);
});

test('Retry-After is a lower bound of the wait', () => {
  const backoff = createBackoff({ random: earliest });
  expect(backoff.next(7_000)).toBe(7_000);
  expect(backoff.next(0)).toBe(1_000);
  // A mistaken day would switch the page off.
  expect(backoff.next(86_400_000)).toBe(hintMsMax);
});

test.each([
  ['3', 3_000],
  [' 0 ', 0],
  ['86400', 86_400_000],
  ['Sat, 01 Jan 2000 00:00:05 GMT', 5_000],
  ['Fri, 31 Dec 1999 23:00:00 GMT', 0],
  ['soon', null],
  ['', null],
  [null, null],
])('Retry-After %j is read as %j ms', (value, ms) => {
  expect(parseRetryAfter(value, Date.UTC(2000, 0, 1))).toBe(ms);
});

test('a pause that is cut short resolves at once', async () => {
  const controller = new AbortController();
  const paused = pause(2 ** 30, controller.signal);
  controller.abort();
  await paused;
  await pause(2 ** 30, controller.signal);
});
