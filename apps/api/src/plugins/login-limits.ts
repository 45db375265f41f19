/**
 * How often somebody may try to log in, register, or begin as a guest. Attempts at an account that does not exist count
 * like any other: neither the answers nor the limits tell which accounts there are.
 */
import type { Attempts, AttemptWindow } from '@holdfast/shared/attempts/attempts.ts';
import type { FastifyRequest } from 'fastify';
import { addressOf } from './rate-limits.ts';

export interface LogInLimitSettings {
  readonly logInAttempts: number;
  readonly logInAttemptsPerAddress: number;
  readonly logInAttemptsPerAccount: number;
  readonly registrationsPerAddress: number;
  readonly guestsPerAddress: number;
}

const logInWindowMs = 15 * 60_000;
const newUserWindowMs = 60 * 60_000;

export interface LogInLimits {
  /**
   * Lets a password for the account `email` be tried. Only wrong ones count in the end: `isRight` returns null for one.
   * Throws `rate_limited` before it is tried, `queue_unavailable`, and what `isRight` throws.
   */
  tryPassword<T>(request: FastifyRequest, email: string, isRight: () => Promise<T | null>): Promise<T | null>;
  /** Counts a registration, whatever becomes of it. Throws `rate_limited`, `queue_unavailable`. */
  countRegistration(request: FastifyRequest): Promise<void>;
  /** Counts a guest. Throws as above. */
  countGuest(request: FastifyRequest): Promise<void>;
}

export function createLogInLimits(attempts: Attempts, settings: LogInLimitSettings): LogInLimits {
  const logInWindows = (request: FastifyRequest, email: string): AttemptWindow[] => {
    const account = email.toLowerCase();
    const address = addressOf(request);
    const windowMs = logInWindowMs;
    return [
      { kind: 'login', of: `${address} ${account}`, attemptsMax: settings.logInAttempts, windowMs },
      { kind: 'login-address', of: address, attemptsMax: settings.logInAttemptsPerAddress, windowMs },
      { kind: 'login-account', of: account, attemptsMax: settings.logInAttemptsPerAccount, windowMs },
    ];
  };
  const takeOne = (request: FastifyRequest, kind: string, attemptsMax: number): Promise<void> =>
    attempts.take([{ kind, of: addressOf(request), attemptsMax, windowMs: newUserWindowMs }]);

  return {
    async tryPassword(request, email, isRight) {
      const windows = logInWindows(request, email);
      await attempts.take(windows);
      let wrong = false;
      try {
        const result = await isRight();
        wrong = result === null;
        return result;
      } finally {
        // Right, or never tried because of a fault of ours.
        if (!wrong) await attempts.giveBack(windows);
      }
    },
    countRegistration: (request) => takeOne(request, 'register', settings.registrationsPerAddress),
    countGuest: (request) => takeOne(request, 'guest', settings.guestsPerAddress),
  };
}
