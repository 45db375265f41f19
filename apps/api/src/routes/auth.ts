import { AppError } from '@holdfast/shared/errors.ts';
import { logInSchema, registerSchema } from '@holdfast/shared/http/accounts.ts';
import { openedSessionSchema, openSessionSchema } from '@holdfast/shared/http/schemas.ts';
import {
  createGuest,
  emailTaken,
  findByEmail,
  logIn,
  type Opened,
  register,
  replacePasswordHash,
  type SessionStart,
} from '@holdfast/shared/store/accounts.ts';
import { endSession } from '@holdfast/shared/store/sessions.ts';
import { toCurrentUser, type UserRow } from '@holdfast/shared/store/views.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertOwnOrigin } from '../plugins/origin.ts';
import { clearSessionCookie, setSessionCookie } from '../plugins/session-cookie.ts';
import type { App, Services } from './services.ts';

/** Where the token of a new session goes. */
type SessionPlace = 'cookie' | 'token';

/** `/api/auth`: begin and end a session. */
export function registerAuth(app: App, { store, accounts, eventConnectionLimit }: Services): void {
  const { passwords, limits, registrationOpen, guestsAllowed, firstIsAdmin, pageOrigins } = accounts;

  /** Refuses to log a browser in for another site's page: what is written then would be read by somebody else. */
  function place(request: FastifyRequest & { body: { session?: SessionPlace | undefined } }): SessionPlace {
    const session = request.body.session ?? 'cookie';
    if (session === 'cookie') assertOwnOrigin(request, pageOrigins);
    return session;
  }

  /** What begins, and that a browser's earlier session ends with it. `alsoBearer`: so does that of a bearer token. */
  function sessionStart(request: FastifyRequest, alsoBearer = false): SessionStart {
    const { credential } = request;
    return {
      device: request.headers['user-agent'] ?? 'unknown',
      replaces: credential?.by === 'cookie' || alsoBearer ? (credential?.sessionId ?? null) : null,
    };
  }

  function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { user, token }: Opened,
    session: SessionPlace,
  ): { user: ReturnType<typeof toCurrentUser>; token: string | null } {
    if (session === 'cookie') setSessionCookie(request, reply, token);
    // Its session has just ended.
    else if (request.credential?.by === 'cookie') clearSessionCookie(request, reply);
    return { user: toCurrentUser(user), token: session === 'token' ? token : null };
  }

  app.post(
    '/api/auth/register',
    {
      config: { access: { to: 'anyone' }, idempotency: { natural: 'an address has one account' } },
      schema: {
        tags: ['account'],
        summary: 'Make an account; a guest keeps everything',
        body: registerSchema,
        response: { 201: openedSessionSchema },
      },
    },
    async (request, reply) => {
      const { email, password, name } = request.body;
      const session = place(request);
      const guestId = registeringGuest(request);
      if (!registrationOpen) {
        throw new AppError('registration_closed', { detail: 'The operator makes accounts here. Ask them.' });
      }
      await limits.countRegistration(request);
      // Told anyway, in the end; so without the cost of a hash.
      if (await findByEmail(store, email)) throw emailTaken();
      const passwordHash = await passwords.hash(password);
      const opened = await register(
        store,
        { email, passwordHash, name, guestId, firstIsAdmin },
        sessionStart(request, true),
      );
      return reply.code(201).send(answer(request, reply, opened, session));
    },
  );

  app.post(
    '/api/auth/login',
    {
      config: { access: { to: 'anyone' }, idempotency: { none: 'one more session, which ends by itself' } },
      schema: {
        tags: ['account'],
        summary: 'Log in',
        body: logInSchema,
        response: { 200: openedSessionSchema },
      },
    },
    async (request, reply) => {
      const { email, password } = request.body;
      const session = place(request);
      const user = await limits.tryPassword(request, email, () => checkPassword(email, password));
      if (!user) throw wrongCredentials();
      if (user.disabled_at) {
        throw new AppError('account_disabled', { detail: 'An administrator has disabled this account.' });
      }
      const opened = await logIn(store, user.id, user.password_hash, sessionStart(request));
      if (!opened) throw wrongCredentials();
      return reply.send(answer(request, reply, opened, session));
    },
  );

  /** The account with this address and password, or null, in the same time whether there is one or not. */
  async function checkPassword(
    email: string,
    password: string,
  ): Promise<(UserRow & { password_hash: string }) | null> {
    const user = await findByEmail(store, email);
    const stored = user?.password_hash ?? null;
    if (!(await passwords.verify(password, stored)) || !user || stored === null) return null;
    if (!passwords.isOutdated(stored)) return { ...user, password_hash: stored };
    const renewed = await passwords.hash(password);
    const replaced = await replacePasswordHash(store, user.id, stored, renewed);
    return { ...user, password_hash: replaced ? renewed : stored };
  }

  app.post(
    '/api/auth/guest',
    {
      config: { access: { to: 'anyone' }, idempotency: { none: 'nobody has the token of the first one' } },
      schema: {
        tags: ['account'],
        summary: 'Begin as a guest',
        description: '200: the cookie was that of a live session already, and nothing changed.',
        body: openSessionSchema,
        response: { 200: openedSessionSchema, 201: openedSessionSchema },
      },
      preValidation: async (request) => {
        if (request.body === undefined) request.body = {};
      },
    },
    async (request, reply) => {
      const session = place(request);
      const { credential } = request;
      // A second tab must not cost the first one its guest, nor a member their session.
      if (session === 'cookie' && credential?.by === 'cookie' && !credential.identity.disabled) {
        return reply.code(200).send({ user: credential.identity, token: null });
      }
      if (!guestsAllowed) {
        throw new AppError('registration_closed', { detail: 'Guests are not allowed here. Log in.' });
      }
      await limits.countGuest(request);
      const opened = await createGuest(store, sessionStart(request));
      return reply.code(201).send(answer(request, reply, opened, session));
    },
  );

  app.post(
    '/api/auth/logout',
    {
      config: { access: { to: 'user', loggedIn: true }, idempotency: { natural: 'a session ends once' } },
      schema: { tags: ['account'], summary: 'End the session of this request' },
    },
    async (request, reply) => {
      const { credential, user } = request;
      if (credential?.sessionId) await endSession(store, credential.sessionId);
      if (credential?.by === 'cookie') clearSessionCookie(request, reply);
      await eventConnectionLimit.closeUser(user.id);
      return reply.code(204).send();
    },
  );
}

/** The guest who asks to be registered; null: somebody new. Throws for whom it would take something away from. */
function registeringGuest({ credential }: FastifyRequest): string | null {
  if (!credential) return null;
  const { identity, sessionId } = credential;
  if (identity.disabled) {
    throw new AppError('account_disabled', { detail: 'An administrator has disabled this account.' });
  }
  if (identity.kind !== 'guest') {
    throw new AppError('already_registered', { detail: 'You have an account. Log out to make another one.' });
  }
  if (sessionId === null) {
    throw new AppError('forbidden', {
      detail: 'Register with the session of the guest, not with an API key.',
    });
  }
  return identity.id;
}

function wrongCredentials(): AppError {
  return new AppError('wrong_credentials', {
    detail: 'There is no account with this e-mail address and password.',
  });
}
