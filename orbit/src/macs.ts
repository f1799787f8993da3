// The user's Macs as Orbit knows them: id, name and the public half of the link
// credential. Registered by the operator alone. Not for who is online
// (presence.ts).
import { fromBase64url } from '../../proto/ts/base64url.ts';
import { HttpError } from './http.ts';
import type { Sql } from './schema.ts';

/** More Macs than a desk holds; presence names them all in one frame. */
const MACS_MAX = 16;
const NAME_CHARS_MAX = 64;
const POINT_BYTES = 65;

export interface Mac {
  mac: string;
  name: string;
  key: string;
}

export function isMacId(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

export function findMac(sql: Sql, mac: string): Mac | undefined {
  return sql
    .exec<{ mac: string; name: string; key: string }>('SELECT mac, name, key FROM macs WHERE mac = ?', mac)
    .toArray()[0];
}

export async function importLinkKey(key: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', fromBase64url(key), { name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'verify',
  ]);
}

/** Idempotent for the same key; another key under the same id is refused, or a link could be taken over. */
export async function registerMac(
  sql: Sql,
  mac: string,
  name: unknown,
  key: unknown,
  nowMs: number,
): Promise<Mac> {
  if (typeof name !== 'string' || name.trim() === '' || name.length > NAME_CHARS_MAX)
    throw new HttpError(400, 'bad-name', `\`name\` must be 1 to ${NAME_CHARS_MAX} characters`);
  if (typeof key !== 'string' || !(await isPoint(key)))
    throw new HttpError(
      400,
      'bad-key',
      `\`key\` must be a P-256 point, ${POINT_BYTES} raw bytes as base64url`,
    );
  const known = findMac(sql, mac);
  if (known && known.key !== key)
    throw new HttpError(
      409,
      'other-key',
      'this Mac is registered with another link credential: restore `keys/link.pem`, or use a fresh user',
    );
  const count = sql.exec<{ n: number }>('SELECT COUNT(*) AS n FROM macs').toArray()[0]?.n ?? 0;
  if (!known && count >= MACS_MAX)
    throw new HttpError(409, 'too-many-macs', `this user has ${MACS_MAX} Macs already: use another user`);
  sql.exec(
    'INSERT INTO macs (mac, name, key, online, since_ms) VALUES (?, ?, ?, 0, ?) ON CONFLICT (mac) DO UPDATE SET name = excluded.name',
    mac,
    name,
    key,
    nowMs,
  );
  return { mac, name, key };
}

async function isPoint(key: string): Promise<boolean> {
  if (key.length !== Math.ceil((POINT_BYTES * 4) / 3)) return false;
  try {
    await importLinkKey(key);
    return true;
  } catch {
    return false;
  }
}
