import {
  commonSettings,
  readSettings,
  type Settings,
  type SettingValues,
  setting,
  urlOf,
  wholeNumber,
} from '@holdfast/shared/settings.ts';
import { z } from 'zod';

/** The settings of a worker. */
export const workerSettings = {
  ...commonSettings,
  apiKey: setting(
    'OPENAI_API_KEY',
    z.string(),
    'none',
    'Key for the model provider; local servers need none.',
  ),
  baseUrl: setting(
    'OPENAI_BASE_URL',
    urlOf('http:', 'https:'),
    'https://api.openai.com/v1',
    'Any OpenAI-compatible API: OpenAI, DashScope, DeepSeek, Ollama, vLLM, …',
  ),
  organization: setting(
    'OPENAI_ORG_ID',
    z.string().transform((text) => (text === 'none' ? null : text)),
    'none',
    'Sent as the `OpenAI-Organization` header.',
  ),
  maxTokensField: setting(
    'OPENAI_MAX_TOKENS_FIELD',
    z.enum(['max_tokens', 'max_completion_tokens'], 'must be max_tokens or max_completion_tokens'),
    'max_tokens',
    "Name under which `max_tokens` is sent: OpenAI's newer models want `max_completion_tokens`, most others do not know it.",
  ),
  concurrency: setting(
    'WORKER_CONCURRENCY',
    wholeNumber(1, 2_000),
    '100',
    'Runs that one worker answers at a time.',
  ),
  leaseMs: setting(
    'WORKER_LEASE_MS',
    wholeNumber(1_000, 60_000),
    '5000',
    'A worker that falls silent for so long has lost its runs to the others.',
  ),
  drainMs: setting(
    'WORKER_DRAIN_MS',
    wholeNumber(0, 3_600_000),
    '25000',
    'On SIGTERM, runs may come to their end for so long; then they are handed to another worker.',
  ),
  upstreamIdleMs: setting(
    'UPSTREAM_IDLE_MS',
    wholeNumber(100, 600_000),
    '60000',
    'Longest silence of the model provider, before and in the middle of an answer.',
  ),
  upstreamRetries: setting(
    'UPSTREAM_RETRIES',
    wholeNumber(0, 20),
    '4',
    'Further attempts after a failure of the provider that may pass.',
  ),
  runMsMax: setting(
    'RUN_MS_MAX',
    wholeNumber(1_000, 86_400_000),
    '1800000',
    'Longest time that one attempt may take.',
  ),
  titles: setting(
    'TITLES',
    z.enum(['on', 'off'], 'must be on or off'),
    'on',
    'Whether the model writes a title for conversations that have none, after their first answer.',
  ),
} satisfies Settings;

export type WorkerConfig = SettingValues<typeof workerSettings>;

/** Reads the configuration of a worker. Throws SettingsError. */
export function readWorkerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  return readSettings(workerSettings, env);
}
