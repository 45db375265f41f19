/** What the routes about accounts use, put together from the settings. */
import { createAttempts } from '@holdfast/shared/attempts/attempts.ts';
import { createPasswords, type Passwords } from '@holdfast/shared/password.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { Redis } from 'ioredis';
import { type AccountConfig, oidcOf } from '../account-settings.ts';
import type { ApiConfig } from '../config.ts';
import { createLogInLimits, type LogInLimits } from './login-limits.ts';
import { createOidc, type Oidc } from './oidc.ts';
import { createTickets, type Tickets } from './tickets.ts';

export interface Accounts {
  readonly passwords: Passwords;
  readonly limits: LogInLimits;
  readonly tickets: Tickets;
  /** Null: no identity provider is set. */
  readonly oidc: Oidc | null;
  readonly registrationOpen: boolean;
  readonly guestsAllowed: boolean;
  readonly firstIsAdmin: boolean;
  /** Origins of pages that may use the session cookie, besides the one that a request came to. */
  readonly pageOrigins: readonly string[];
}

/** `redis`: for commands. Throws SettingsError. */
export function createAccounts(
  config: AccountConfig & Pick<ApiConfig, 'redisPrefix' | 'corsOrigins' | 'publicUrl'>,
  { store, redis }: { readonly store: Store; readonly redis: Redis },
): Accounts {
  const oidc = oidcOf(config);
  return {
    passwords: createPasswords(),
    limits: createLogInLimits(createAttempts(redis, config.redisPrefix), config),
    tickets: createTickets(store),
    oidc: oidc && createOidc(oidc),
    registrationOpen: config.registration === 'open',
    guestsAllowed: config.guests === 'allowed',
    firstIsAdmin: config.firstIsAdmin,
    pageOrigins: [...config.corsOrigins, ...(config.publicUrl === null ? [] : [config.publicUrl])],
  };
}
