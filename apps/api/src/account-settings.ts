import {
  type Settings,
  SettingsError,
  type SettingValues,
  setting,
  urlOf,
  wholeNumber,
} from '@holdfast/shared/settings.ts';
import { z } from 'zod';
import type { OidcSettings } from './plugins/oidc.ts';

const none = z.literal('none').transform(() => null);
const attempts = wholeNumber(1, 1_000_000);

/** The settings of an API process that are about accounts. */
export const accountSettings = {
  registration: setting(
    'REGISTRATION',
    z.enum(['open', 'closed'], 'must be open or closed'),
    'open',
    'Whether people can register.',
  ),
  guests: setting(
    'GUESTS',
    z.enum(['allowed', 'refused'], 'must be allowed or refused'),
    'allowed',
    'Whether people can begin without an account.',
  ),
  firstIsAdmin: setting(
    'FIRST_USER_IS_ADMIN',
    z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true'),
    'true',
    'Whether the first member becomes an administrator.',
  ),
  logInAttempts: setting(
    'LOGIN_ATTEMPTS',
    attempts,
    '10',
    'Wrong passwords for one account from one address, in a quarter of an hour.',
  ),
  logInAttemptsPerAddress: setting(
    'LOGIN_ATTEMPTS_PER_ADDRESS',
    attempts,
    '100',
    'Wrong passwords from one address, in a quarter of an hour.',
  ),
  logInAttemptsPerAccount: setting(
    'LOGIN_ATTEMPTS_PER_ACCOUNT',
    attempts,
    '100',
    'Wrong passwords for one account from all addresses, in a quarter of an hour.',
  ),
  registrationsPerAddress: setting(
    'REGISTRATIONS_PER_ADDRESS',
    attempts,
    '30',
    'Registrations from one address in an hour, tries included.',
  ),
  guestsPerAddress: setting('GUESTS_PER_ADDRESS', attempts, '100', 'New guests from one address in an hour.'),
  oidcIssuer: setting(
    'OIDC_ISSUER',
    none.or(urlOf('https:', 'http:')),
    'none',
    'Identity provider whose tokens are taken: `iss`, exactly as it stands in them.',
  ),
  oidcAudience: setting(
    'OIDC_AUDIENCE',
    none.or(z.string().max(255)),
    'none',
    '`aud` of the tokens for Holdfast.',
  ),
  oidcJwksUrl: setting(
    'OIDC_JWKS_URL',
    none.or(urlOf('https:', 'http:')),
    'none',
    'Where the provider publishes its keys; its `jwks_uri`.',
  ),
} satisfies Settings;

export type AccountConfig = SettingValues<typeof accountSettings>;

/** The identity provider, or null where none is set. Throws SettingsError for one that is set in part. */
export function oidcOf(config: AccountConfig): OidcSettings | null {
  const { oidcIssuer: issuer, oidcAudience: audience, oidcJwksUrl: jwksUrl } = config;
  if (issuer !== null && audience !== null && jwksUrl !== null) return { issuer, audience, jwksUrl };
  if (issuer === null && audience === null && jwksUrl === null) return null;
  throw new SettingsError(
    'Wrong settings: OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL belong together: set all three, or none.',
  );
}
