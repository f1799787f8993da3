// Tokens that a Mac signs with its link credential: to open the link, and to
// let a browser register a passkey. Orbit holds the public half only, so it can
// check them and make none. Not for what Orbit signs itself (sessions.ts).
import { decodeJwt, errors, jwtVerify } from 'jose';
import { HttpError } from './http.ts';
import { findMac, importLinkKey, isMacId } from './macs.ts';
import type { Mac } from './macs.ts';
import type { Sql } from './schema.ts';

export type Audience = 'zane-link' | 'zane-enroll';

/** The longest life a token may claim, in seconds (docs/link.md). */
const LIFE_SECONDS_MAX: Record<Audience, number> = { 'zane-link': 120, 'zane-enroll': 3600 };
/** A Mac's clock may run this far ahead of ours. */
const CLOCK_SECONDS_MAX = 60;
const TOKEN_CHARS_MAX = 2048;

export interface MacToken {
  mac: Mac;
  jti: string;
  expiresMs: number;
}

const refused = (message: string) => new HttpError(401, 'bad-token', message);

/** Whose token this claims to be: only to find the Durable Object, nothing is believed yet. */
export function claimedUser(token: unknown): string | undefined {
  if (typeof token !== 'string' || token.length > TOKEN_CHARS_MAX) return undefined;
  try {
    const { sub } = decodeJwt(token);
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}

function claimedMac(token: string): string {
  let mac: unknown;
  try {
    mac = decodeJwt(token).iss;
  } catch {
    throw refused('the token is not a JWT: make a new one on the Mac');
  }
  if (typeof mac !== 'string' || !isMacId(mac))
    throw refused('the token names no Mac: make a new one on the Mac');
  return mac;
}

/** The Mac that signed `token` for this user and purpose, else 401. */
export async function verifyMacToken(
  sql: Sql,
  user: string,
  audience: Audience,
  token: unknown,
  nowMs: number,
): Promise<MacToken> {
  if (typeof token !== 'string' || token.length > TOKEN_CHARS_MAX)
    throw refused('there is no token: make one on the Mac');
  const mac = findMac(sql, claimedMac(token));
  if (!mac)
    throw new HttpError(
      401,
      'unknown-mac',
      "this Mac is not registered for this user: run the operator tool's `adopt`",
    );
  const claims = await verifySignature(token, mac, user, audience, nowMs);
  const now = Math.floor(nowMs / 1000);
  const { iat, exp, jti } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > 64)
    throw refused('the token has no `jti`: make a new one on the Mac');
  if (typeof iat !== 'number' || typeof exp !== 'number')
    throw refused('the token has no `iat` or `exp`: make a new one on the Mac');
  if (iat > now + CLOCK_SECONDS_MAX) throw refused("the token is from the future: set the Mac's clock");
  if (exp - iat > LIFE_SECONDS_MAX[audience])
    throw refused(`the token lives longer than ${LIFE_SECONDS_MAX[audience]} s: make a shorter one`);
  return { mac, jti, expiresMs: exp * 1000 };
}

async function verifySignature(token: string, mac: Mac, user: string, audience: Audience, nowMs: number) {
  try {
    const { payload } = await jwtVerify(token, await importLinkKey(mac.key), {
      algorithms: ['ES256'],
      issuer: mac.mac,
      subject: user,
      audience,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      throw new HttpError(401, 'expired', "the token has expired: make a new one, and check the Mac's clock");
    if (error instanceof errors.JWTClaimValidationFailed)
      throw refused(`the token's \`${error.claim}\` is not for this: make a new one on the Mac`);
    throw refused("the token is not signed by this Mac's link credential");
  }
}
