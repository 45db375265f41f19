/** An identity provider, as far as its published keys and the tokens that it signs go. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const audience = 'holdfast';

export interface TokenOptions {
  readonly issuer?: string;
  readonly audience?: string | string[];
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface IdentityProvider {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Requests for the keys so far. */
  readonly fetches: number;
  /** What the keys are answered with instead; null: they are there. */
  fault: { readonly status: number; readonly body: string } | null;
  /** Signs with the newest key. */
  sign(subject: string, options?: TokenOptions): Promise<string>;
  /** Replaces the key by a new one, which signs from now on. `publish` false: nobody is told of it. */
  rotate(publish?: boolean): Promise<void>;
  /** Goes away; `start` brings it back at the same address, with the same keys. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startIdentityProvider(algorithm = 'ES256'): Promise<IdentityProvider> {
  let keys: JWK[] = [];
  let signing: { kid: string; privateKey: CryptoKey } | undefined;
  let fetches = 0;
  let port = 0;
  const server = http.createServer((_, response) => {
    fetches++;
    const { status, body } = provider.fault ?? { status: 200, body: JSON.stringify({ keys }) };
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body);
  });
  const listen = async () => {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
  };
  await listen();

  const provider: IdentityProvider = {
    issuer: `http://127.0.0.1:${port}`,
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    get fetches() {
      return fetches;
    },
    fault: null,
    async sign(subject, options = {}) {
      if (!signing) throw new Error('there is no key');
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT({ ...options.claims })
        .setProtectedHeader({ alg: algorithm, kid: signing.kid })
        .setSubject(subject)
        .setIssuer(options.issuer ?? provider.issuer)
        .setAudience(options.audience ?? audience)
        .setIssuedAt(now)
        .setExpirationTime(now + (options.expiresIn ?? 3_600))
        .sign(signing.privateKey);
    },
    async rotate(publish = true) {
      const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
      const kid = `key-${keys.length}-${Math.random()}`;
      signing = { kid, privateKey };
      if (publish) keys = [{ ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' }];
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    start: listen,
  };
  await provider.rotate();
  return provider;
}

/** A token as somebody would write it who has no key: header and claims as given, and this signature. */
export function forgedToken(header: object, claims: object, signature = ''): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}
