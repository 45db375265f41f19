/** Users whom an identity provider vouches for: OpenID Connect tokens, verified with the provider's public keys. */
import { AppError } from '@holdfast/shared/errors.ts';
import type { ProviderUser } from '@holdfast/shared/store/accounts.ts';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';

export interface OidcSettings {
  /** `iss` of the tokens, exactly. */
  readonly issuer: string;
  /** One of `aud`. */
  readonly audience: string;
  readonly jwksUrl: string;
}

/** Signatures that only the provider can make. With HS256 whoever verifies could sign, and `none` is none. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** How far the provider's clock may be off. */
const clockToleranceSeconds = 30;

/** The keys are read again when they are older than this: until then a withdrawn one still holds. */
const keysFreshMs = 600_000;

/** Where the provider cannot be reached, the keys that are known go on holding for so long. */
const keysKeptMs = 24 * 3_600_000;

/** A token with an unknown key makes us read the keys again, but not more often than this. */
const keysReadAgainMs = 30_000;

const fetchMsMax = 3_000;

/** After a failure the provider is left alone for so long; requests must not each wait for it. */
const failedPauseMs = 5_000;

/** OpenID Connect Core 1.0, section 2: `sub` "MUST NOT exceed 255 ASCII characters in length". */
const subjectPattern = /^[\x20-\x7e]{1,255}$/;

const nameCharsMax = 100;

export interface Oidc {
  /** The user in a token. Throws `unauthenticated`, or `identity_provider_unavailable` where the keys cannot be read. */
  verify(token: string): Promise<ProviderUser>;
}

/** Whether this may be a token of a provider: three parts in base64url (RFC 7515, 3.1). The last is empty for `none`. */
export function looksLikeJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/** `now`: milliseconds of a clock that never goes back. */
export function createOidc(settings: OidcSettings, now: () => number = () => performance.now()): Oidc {
  const { issuer, audience, jwksUrl } = settings;
  const remoteKey = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: fetchMsMax,
    cooldownDuration: keysReadAgainMs,
    cacheMaxAge: keysFreshMs,
  });
  let failedAt = Number.NEGATIVE_INFINITY;
  let readAt = Number.NEGATIVE_INFINITY;

  /** From the keys that were read last; jose itself would not use them any more when they cannot be read again. */
  const keptKey: JWTVerifyGetKey = async (header, token) => {
    const keys = now() - readAt < keysKeptMs ? remoteKey.jwks() : undefined;
    if (!keys) throw unavailable();
    try {
      return await createLocalJWKSet(keys)(header, token);
    } catch (error) {
      // It may be a new one.
      throw error instanceof errors.JWKSNoMatchingKey ? unavailable(error) : error;
    }
  };

  const findKey: JWTVerifyGetKey = async (header, token) => {
    if (now() - failedAt < failedPauseMs) return keptKey(header, token);
    try {
      const key = await remoteKey(header, token);
      if (remoteKey.fresh) readAt = now();
      return key;
    } catch (error) {
      if (isFaultOfToken(error)) throw error;
      failedAt = now();
      return keptKey(header, token);
    }
  };

  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, findKey, {
          issuer,
          audience,
          algorithms,
          clockTolerance: clockToleranceSeconds,
          requiredClaims: ['exp', 'sub'],
        });
        return { issuer, subject: subjectOf(payload), name: nameOf(payload) };
      } catch (error) {
        if (error instanceof AppError) throw error;
        if (!(error instanceof errors.JOSEError)) throw unavailable(error);
        throw new AppError('unauthenticated', {
          detail: 'This token of the identity provider is not valid here, or not any more.',
          cause: error,
        });
      }
    },
  };
}

/** Errors of looking up a key that say something about the token, and not about the provider. */
function isFaultOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

function unavailable(cause?: unknown): AppError {
  return new AppError('identity_provider_unavailable', {
    detail: 'The keys of the identity provider cannot be read at the moment. Try again.',
    retryAfterSeconds: failedPauseMs / 1_000,
    cause,
  });
}

function subjectOf({ sub = '' }: JWTPayload): string {
  if (!subjectPattern.test(sub)) throw new errors.JWTInvalid('"sub" is not one');
  return sub;
}

/** What people call them. Not the address of an account here: who has it at the provider need not be who has it here. */
function nameOf({ name, preferred_username: userName, email }: JWTPayload): string {
  const names = [name, userName, email].map((text) =>
    typeof text === 'string'
      ? text.replaceAll('\u0000', '').trim().slice(0, nameCharsMax).toWellFormed()
      : '',
  );
  return names.find((text) => text !== '') ?? 'User';
}
