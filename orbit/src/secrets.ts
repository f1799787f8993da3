// What is made of ORBIT_SECRET: user ids with their tag, operator tokens and
// keys for one purpose each. WebCrypto alone, so that the operator's tool under
// Node makes the very same bytes. Not for tokens signed by a Mac (tokens.ts).
import { fromBase64url, toBase64url } from '../../proto/ts/base64url.ts';

const USER_RANDOM_BYTES = 16;
const USER_TAG_BYTES = 8;

const encoder = new TextEncoder();

/** HMAC-SHA256 by the secret; `label` ends in a newline and keeps the purposes apart. */
export async function secretHmac(
  secret: string,
  label: string,
  data: Uint8Array | string = '',
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey(
    'raw',
    encoder.encode(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const head = encoder.encode(label);
  const tail = typeof data === 'string' ? encoder.encode(data) : data;
  const message = new Uint8Array(head.length + tail.length);
  message.set(head);
  message.set(tail, head.length);
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, message));
}

/** Takes as long for a wrong first byte as for a wrong last one. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

export async function mintUser(secret: string): Promise<string> {
  const random = crypto.getRandomValues(new Uint8Array(USER_RANDOM_BYTES));
  const tag = (await secretHmac(secret, 'user\n', random)).subarray(0, USER_TAG_BYTES);
  return toBase64url(Uint8Array.of(...random, ...tag));
}

/** False for a made-up user: no Durable Object may be touched for it. */
export async function isUser(secret: string, user: string): Promise<boolean> {
  if (!/^[A-Za-z0-9_-]{32}$/.test(user)) return false;
  const bytes = fromBase64url(user);
  const tag = await secretHmac(secret, 'user\n', bytes.subarray(0, USER_RANDOM_BYTES));
  return equalBytes(tag.subarray(0, USER_TAG_BYTES), bytes.subarray(USER_RANDOM_BYTES));
}

/** Good for registering this very key for this very Mac, and for nothing else. */
export async function operatorToken(secret: string, user: string, mac: string, key: string): Promise<string> {
  return toBase64url(await secretHmac(secret, 'operator\n', `${user}\n${mac}\n${key}`));
}

export async function isOperatorToken(
  token: string,
  secret: string,
  user: string,
  mac: string,
  key: string,
): Promise<boolean> {
  return equalBytes(encoder.encode(token), encoder.encode(await operatorToken(secret, user, mac, key)));
}

export async function sha256(text: string): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))));
}

/** `bytes` random bytes as base64url: ids of 16 bytes are 22 characters. */
export function randomId(bytes = 16): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
