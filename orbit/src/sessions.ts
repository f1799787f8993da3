// Sign-ins: the access cookie (a JWT of minutes) and the session cookie, whose
// secret is replaced at each renewal. Orbit keeps hashes only. A used secret
// that comes back means two hold the cookie, and ends the session.
import { jwtVerify, SignJWT } from 'jose';
import { toBase64url } from '../../proto/ts/base64url.ts';
import { ACCESS_SECONDS, SESSION_SECONDS } from './cookies.ts';
import { isUser, randomId, secretHmac, sha256 } from './secrets.ts';
import type { Sql } from './schema.ts';

/**
 * Two tabs that wake together renew with the same secret, and an answer can be
 * lost on the way: within this time the one before the current secret gets the
 * current one again, and no further rotation happens.
 */
export const ROTATION_GRACE_MS = 10_000;
/** Beyond this the sign-in that would expire first is ended. */
const SESSIONS_MAX = 32;
const AUDIENCE = 'zane-access';

export interface Access {
  user: string;
  sid: string;
  expiresAtMs: number;
}

export async function mintAccess(
  secret: string,
  user: string,
  sid: string,
  nowMs: number,
): Promise<{ jwt: string; expiresAtMs: number }> {
  const exp = Math.floor(nowMs / 1000) + ACCESS_SECONDS;
  const jwt = await new SignJWT({ sid })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setAudience(AUDIENCE)
    .setExpirationTime(exp)
    .sign(await secretHmac(secret, 'access-cookie\n'));
  return { jwt, expiresAtMs: exp * 1000 };
}

export async function verifyAccess(
  secret: string,
  jwt: string | undefined,
  nowMs: number,
): Promise<Access | undefined> {
  if (jwt === undefined) return undefined;
  try {
    const { payload } = await jwtVerify(jwt, await secretHmac(secret, 'access-cookie\n'), {
      algorithms: ['HS256'],
      audience: AUDIENCE,
      requiredClaims: ['sub', 'exp', 'sid'],
      currentDate: new Date(nowMs),
    });
    const { sub, sid, exp } = payload;
    if (
      typeof sub !== 'string' ||
      typeof sid !== 'string' ||
      typeof exp !== 'number' ||
      !(await isUser(secret, sub))
    )
      return undefined;
    return { user: sub, sid, expiresAtMs: exp * 1000 };
  } catch {
    return undefined;
  }
}

/** `<user>.<sid>.<secret>`; undefined for anything else. */
export function parseSessionCookie(
  text: string | undefined,
): { user: string; sid: string; secret: string } | undefined {
  const match = /^([A-Za-z0-9_-]{32})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/.exec(text ?? '');
  return match?.[1] && match[2] && match[3] ? { user: match[1], sid: match[2], secret: match[3] } : undefined;
}

type SessionRow = { hash: string; previous: string | null; rotated_ms: number; expires_ms: number };

/** Opens a session; `ended` are those that had to make room, whose sockets must close. */
export async function openSession(
  sql: Sql,
  passkey: string,
  nowMs: number,
): Promise<{ sid: string; secret: string; ended: string[] }> {
  const sid = randomId();
  const secret = randomId(32);
  const hash = await sha256(secret);
  const ended = sql
    .exec<{ sid: string }>(
      'DELETE FROM sessions WHERE sid IN (SELECT sid FROM sessions ORDER BY expires_ms DESC, sid LIMIT -1 OFFSET ?) RETURNING sid',
      SESSIONS_MAX - 1,
    )
    .toArray();
  sql.exec(
    'INSERT INTO sessions (sid, hash, previous, rotated_ms, passkey, created_ms, expires_ms) VALUES (?, ?, NULL, 0, ?, ?, ?)',
    sid,
    hash,
    passkey,
    nowMs,
    nowMs + SESSION_SECONDS * 1000,
  );
  return { sid, secret, ended: ended.map((row) => row.sid) };
}

export function isSession(sql: Sql, sid: string, nowMs: number): boolean {
  return (
    sql.exec('SELECT sid FROM sessions WHERE sid = ? AND expires_ms > ?', sid, nowMs).toArray().length === 1
  );
}

/** What a presented secret means for its session. Pure. */
export function judgeSecret(
  row: SessionRow,
  hash: string,
  nowMs: number,
): 'rotate' | 'keep' | 'repeat' | 'reuse' {
  const fresh = nowMs - row.rotated_ms < ROTATION_GRACE_MS;
  if (hash === row.hash) return fresh ? 'keep' : 'rotate';
  return hash === row.previous && fresh ? 'repeat' : 'reuse';
}

export type Renewal = { state: 'renewed'; secret: string } | { state: 'reused' } | { state: 'unknown' };

/**
 * The next secret is an HMAC of the one presented, so that within the grace it
 * can be told again although only its hash is stored.
 */
export async function renewSession(
  sql: Sql,
  orbitSecret: string,
  sid: string,
  secret: string,
  nowMs: number,
): Promise<Renewal> {
  const next = toBase64url(await secretHmac(orbitSecret, 'session-next\n', `${sid}\n${secret}`));
  const [hash, nextHash] = [await sha256(secret), await sha256(next)];
  const row = sql
    .exec<SessionRow>(
      'SELECT hash, previous, rotated_ms, expires_ms FROM sessions WHERE sid = ? AND expires_ms > ?',
      sid,
      nowMs,
    )
    .toArray()[0];
  if (!row) return { state: 'unknown' };
  const verdict = judgeSecret(row, hash, nowMs);
  switch (verdict) {
    case 'keep':
      return { state: 'renewed', secret };
    case 'repeat':
      return { state: 'renewed', secret: next };
    case 'rotate':
      sql.exec(
        'UPDATE sessions SET hash = ?, previous = ?, rotated_ms = ?, expires_ms = ? WHERE sid = ?',
        nextHash,
        hash,
        nowMs,
        nowMs + SESSION_SECONDS * 1000,
        sid,
      );
      return { state: 'renewed', secret: next };
    case 'reuse':
      endSession(sql, sid);
      return { state: 'reused' };
  }
}

/** True when `secret` is the session's current or previous one: enough to be allowed to end it. */
export async function holdsSession(sql: Sql, sid: string, secret: string): Promise<boolean> {
  const hash = await sha256(secret);
  return (
    sql
      .exec('SELECT sid FROM sessions WHERE sid = ? AND (hash = ? OR previous = ?)', sid, hash, hash)
      .toArray().length === 1
  );
}

export function endSession(sql: Sql, sid: string): void {
  sql.exec('DELETE FROM sessions WHERE sid = ?', sid);
}

/** The ids of the sessions that have run out, now deleted. */
export function endExpiredSessions(sql: Sql, nowMs: number): string[] {
  return sql
    .exec<{ sid: string }>('DELETE FROM sessions WHERE expires_ms <= ? RETURNING sid', nowMs)
    .toArray()
    .map((row) => row.sid);
}
