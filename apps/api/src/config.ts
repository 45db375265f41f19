import {
  commaList,
  commonSettings,
  readSettings,
  type Settings,
  type SettingValues,
  setting,
  wholeNumber,
} from '@holdfast/shared/settings.ts';
import { z } from 'zod';
import { accountSettings, oidcOf } from './account-settings.ts';

const origins = commaList.refine(
  (list) => list.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
  'must be a list of origins such as https://chat.example.com',
);

/** The settings of an API process. */
export const apiSettings = {
  ...commonSettings,
  ...accountSettings,
  port: setting('PORT', wholeNumber(0, 65_535), '3000', 'Port to listen on; 0 takes a free one.'),
  host: setting('HOST', z.string(), '127.0.0.1', 'Address to listen on; `0.0.0.0` in a container.'),
  models: setting(
    'OPENAI_MODELS',
    z
      .literal('none')
      .transform(() => [] as string[])
      .or(commaList),
    'none',
    'Further models that a message may name, separated by commas.',
  ),
  corsOrigins: setting(
    'CORS_ORIGINS',
    z
      .literal('none')
      .transform(() => [] as string[])
      .or(origins),
    'none',
    'Origins of web pages elsewhere that may use the API, separated by commas.',
  ),
  publicUrl: setting(
    'PUBLIC_URL',
    z
      .literal('none')
      .transform(() => null)
      .or(
        z
          .string()
          .refine(
            (text) =>
              URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text,
            'must be an origin such as https://chat.example.com',
          ),
      ),
    'none',
    'Origin under which people reach this server, for links that they pass on; `none` takes that of the request.',
  ),
  proxyHops: setting(
    'TRUST_PROXY_HOPS',
    wholeNumber(0, 10),
    '0',
    'Proxies in front whose `X-Forwarded-For` is believed. More than there are lets clients forge their address.',
  ),
  heartbeatMs: setting(
    'HEARTBEAT_MS',
    wholeNumber(1_000, 15_000),
    '10000',
    'Longest silence on an event stream. Proxies cut idle connections, often after 60 s.',
  ),
  connectionLifeMs: setting(
    'EVENT_CONNECTION_LIFE_MS',
    wholeNumber(1_000, 3_600_000),
    '300000',
    'Longest life of an event connection; the client then resumes. Frees half-open ones.',
  ),
  connectionsMax: setting(
    'EVENT_CONNECTIONS_MAX',
    wholeNumber(1, 1_000_000),
    '20000',
    'Open event connections per process; further ones get 503. Each costs a file descriptor and up to 64 KiB.',
  ),
  connectionsPerUserMax: setting(
    'EVENT_CONNECTIONS_PER_USER_MAX',
    wholeNumber(1, 10_000),
    '100',
    'Open event connections of one user, over all processes.',
  ),
  connectionsPerAddressMax: setting(
    'EVENT_CONNECTIONS_PER_ADDRESS_MAX',
    wholeNumber(1, 1_000_000),
    '1000',
    'Open event connections of readers of public links, per address.',
  ),
  requestsPerUser: setting(
    'REQUESTS_PER_USER_PER_MINUTE',
    wholeNumber(1, 100_000_000),
    '600',
    'Requests that one user may send in a minute.',
  ),
  requestsPerAddress: setting(
    'REQUESTS_PER_ADDRESS_PER_MINUTE',
    wholeNumber(1, 100_000_000),
    '6000',
    'Requests that may come from one address in a minute, signed in or not.',
  ),
  runTokensReserved: setting(
    'RUN_TOKENS_RESERVED',
    wholeNumber(1, 1_000_000),
    '2000',
    'Tokens set aside for an answer whose request names no `max_tokens`, for users with a daily limit.',
  ),
  waitingRunsMax: setting(
    'WAITING_RUNS_PER_USER_MAX',
    wholeNumber(0, 100_000),
    '1000',
    'Runs of one user that may wait for their turn; further requests get 429.',
  ),
  drainMs: setting(
    'API_DRAIN_MS',
    wholeNumber(0, 600_000),
    '5000',
    'On SIGTERM, event connections are ended spread over this time, so that clients do not all come back at once.',
  ),
} satisfies Settings;

export type ApiConfig = SettingValues<typeof apiSettings>;

/** Reads the configuration of an API process. Throws SettingsError. */
export function readApiConfig(env: NodeJS.ProcessEnv = process.env): ApiConfig {
  const config = readSettings(apiSettings, env);
  oidcOf(config);
  return config;
}

/** What the migration needs. Throws SettingsError. */
export function readMigrateConfig(
  env: NodeJS.ProcessEnv = process.env,
): Pick<ApiConfig, 'databaseUrl' | 'logLevel'> {
  const { databaseUrl, logLevel } = commonSettings;
  return readSettings({ databaseUrl, logLevel }, env);
}
