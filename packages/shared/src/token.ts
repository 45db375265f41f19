import { createHash, randomBytes } from 'node:crypto';

/**
 * Tokens are 256 random bits behind a prefix that says what they are; secret scanners and people recognise them by it.
 *
 * hfs_  a session, of a browser (cookie) or of an app (bearer)
 * hfk_  an API key
 * hfi_  an invitation
 * hfp_  a public link
 */
export type TokenKind = 'hfs' | 'hfk' | 'hfi' | 'hfp';

const tokenPattern = /^(hfs|hfk|hfi|hfp)_[A-Za-z0-9_-]{43}$/;

export function newToken(kind: TokenKind): string {
  return `${kind}_${randomBytes(32).toString('base64url')}`;
}

/** What kind of token this is; null for what cannot be one, so that it never reaches the database. */
export function tokenKind(text: string): TokenKind | null {
  return (tokenPattern.exec(text)?.[1] as TokenKind | undefined) ?? null;
}

/**
 * What is stored of a token. A plain hash is enough: nobody can try out 256 bits, and a slow one would be paid for at
 * every request.
 */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
