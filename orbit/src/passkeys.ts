// The user's passkeys: options for the browser, and the check of what comes
// back, by @simplewebauthn/server. User verification is always demanded. Not for
// enrolment tokens (tokens.ts) nor sessions (sessions.ts).
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { fromBase64url } from '../../proto/ts/base64url.ts';
import { checkChallenge, mintChallenge } from './challenges.ts';
import type { Purpose } from './challenges.ts';
import type { Config } from './env.ts';
import { HttpError, isObject } from './http.ts';
import type { Sql } from './schema.ts';

const PASSKEYS_MAX = 32;
/** EdDSA, ES256, RS256: what phones, laptops and security keys make. */
const ALGORITHMS = [-8, -7, -257];

type PasskeyRow = { id: string; key: ArrayBuffer; counter: number; transports: string };

export async function registrationOptions(
  sql: Sql,
  config: Config,
  user: string,
  jti: string,
  macName: string,
  nowMs: number,
) {
  const known = sql.exec<{ id: string; transports: string }>('SELECT id, transports FROM passkeys').toArray();
  if (known.length >= PASSKEYS_MAX)
    throw new HttpError(
      409,
      'too-many-passkeys',
      `this user has ${PASSKEYS_MAX} passkeys already: sign in with one of them`,
    );
  return generateRegistrationOptions({
    rpName: 'Zane',
    rpID: config.rpId,
    userID: fromBase64url(user),
    userName: `Zane on ${macName}`,
    userDisplayName: `Zane on ${macName}`,
    challenge: await mintChallenge(config.secret, `enroll:${jti}`, nowMs),
    attestationType: 'none',
    // A browser that has one of these says so, and the page signs in instead.
    excludeCredentials: known.map((row) => ({
      id: row.id,
      transports: JSON.parse(row.transports) as string[],
    })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

export async function loginOptions(config: Config, nowMs: number) {
  return generateAuthenticationOptions({
    rpID: config.rpId,
    challenge: await mintChallenge(config.secret, 'login', nowMs),
    userVerification: 'required',
  });
}

export interface NewPasskey {
  id: string;
  key: Uint8Array;
  counter: number;
  transports: string;
}

/** Library errors tell the caller what is wrong with its own answer; nothing of ours is in them. */
function refused(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  return new HttpError(
    400,
    'bad-passkey',
    `the passkey's answer does not hold: ${error instanceof Error ? error.message : 'unreadable'}`,
  );
}

function challengeCheck(
  config: Config,
  purpose: Purpose,
  nowMs: number,
  found: (text: string, expiresMs: number) => void,
) {
  return async (text: string) => {
    const expiresMs = await checkChallenge(config.secret, purpose, text, nowMs);
    if (expiresMs !== undefined) found(text, expiresMs);
    return expiresMs !== undefined;
  };
}

export async function verifyRegistration(
  config: Config,
  jti: string,
  response: unknown,
  nowMs: number,
): Promise<NewPasskey> {
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challengeCheck(config, `enroll:${jti}`, nowMs, () => {}),
      expectedOrigin: config.origins,
      expectedRPID: config.rpId,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) throw new HttpError(400, 'bad-passkey', 'the passkey could not be verified: try again');
    const { id, publicKey, counter, transports } = registrationInfo.credential;
    return {
      id,
      key: publicKey,
      counter,
      transports: JSON.stringify((transports ?? []).filter((t) => typeof t === 'string').slice(0, 8)),
    };
  } catch (error) {
    throw refused(error);
  }
}

export function storePasskey(sql: Sql, passkey: NewPasskey, nowMs: number): void {
  const stored = sql
    .exec(
      'INSERT INTO passkeys (id, key, counter, transports, created_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id',
      passkey.id,
      passkey.key,
      passkey.counter,
      passkey.transports,
      nowMs,
      nowMs,
    )
    .toArray();
  if (stored.length === 0)
    throw new HttpError(409, 'known-passkey', 'this passkey is registered already: sign in with it');
}

/** The user whom a login answer claims to be: only to find the Durable Object. */
export function userHandle(response: unknown): string | undefined {
  if (!isObject(response) || !isObject(response['response'])) return undefined;
  const handle = response['response']['userHandle'];
  return typeof handle === 'string' ? handle : undefined;
}

export interface Login {
  passkey: string;
  challenge: string;
  challengeExpiresMs: number;
  counter: number;
}

/** The Worker chose this user's object by the answer's user handle, so only his passkeys are looked at. */
export async function verifyLogin(
  sql: Sql,
  config: Config,
  response: unknown,
  nowMs: number,
): Promise<Login> {
  const id = isObject(response) && typeof response['id'] === 'string' ? response['id'] : '';
  const row = sql
    .exec<PasskeyRow>('SELECT id, key, counter, transports FROM passkeys WHERE id = ?', id)
    .toArray()[0];
  if (!row)
    throw new HttpError(
      401,
      'unknown-passkey',
      'this Orbit does not know the passkey: enrol this browser with a link from `zane pair`',
    );
  let challenge: { text: string; expiresMs: number } | undefined;
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challengeCheck(config, 'login', nowMs, (text, expiresMs) => {
        challenge = { text, expiresMs };
      }),
      expectedOrigin: config.origins,
      expectedRPID: config.rpId,
      requireUserVerification: true,
      credential: { id: row.id, publicKey: new Uint8Array(row.key), counter: row.counter },
    });
    if (!verified || !challenge)
      throw new HttpError(401, 'bad-passkey', "the passkey's signature does not hold: try again");
    return {
      passkey: row.id,
      challenge: challenge.text,
      challengeExpiresMs: challenge.expiresMs,
      counter: authenticationInfo.newCounter,
    };
  } catch (error) {
    throw refused(error);
  }
}

export function passkeyUsed(sql: Sql, login: Login, nowMs: number): void {
  sql.exec('UPDATE passkeys SET counter = ?, used_ms = ? WHERE id = ?', login.counter, nowMs, login.passkey);
}
