/** The Chromium that `npm test` has found or fetched. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const chromiumFile = fileURLToPath(new URL('../../.cache/chromium.json', import.meta.url));

/** No telemetry, updates or QUIC: the only traffic is the page's. */
const quietArgs = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts it. Rejects with what to do when none was set up. */
export function launchChromium(): Promise<Browser> {
  const { executablePath, args, env } = readChromium();
  return chromium.launch({
    executablePath,
    args: [...quietArgs, ...args],
    env: { ...(process.env as Record<string, string>), ...env },
  });
}

function readChromium(): { executablePath: string; args: string[]; env: Record<string, string> } {
  try {
    return JSON.parse(readFileSync(chromiumFile, 'utf8'));
  } catch (cause) {
    throw new Error('no Chromium was set up: run `node scripts/setup.mjs --test` first', { cause });
  }
}
