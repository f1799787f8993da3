// WebAuthn challenges that Orbit need not store: random, expiry and an HMAC over
// both and the purpose. That one is good once only is the user's Durable Object's
// to say (used_tokens).
import { fromBase64url } from '../../proto/ts/base64url.ts';
import { equalBytes, secretHmac } from './secrets.ts';

const RANDOM_BYTES = 16;
const EXPIRY_BYTES = 6;
const TAG_BYTES = 16;
const BODY_BYTES = RANDOM_BYTES + EXPIRY_BYTES;
/** Time to unlock the phone, find the other one, and try again. */
const LIFE_MS = 5 * 60 * 1000;

/** "login", or "enroll:" and the token's jti, so that one purpose's challenge is none for another. */
export type Purpose = 'login' | `enroll:${string}`;

async function tagOf(secret: string, purpose: Purpose, body: Uint8Array): Promise<Uint8Array> {
  return (await secretHmac(secret, `challenge\n${purpose}\n`, body)).subarray(0, TAG_BYTES);
}

export async function mintChallenge(
  secret: string,
  purpose: Purpose,
  nowMs: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const challenge = new Uint8Array(BODY_BYTES + TAG_BYTES);
  crypto.getRandomValues(challenge.subarray(0, RANDOM_BYTES));
  const view = new DataView(challenge.buffer);
  const expiresMs = nowMs + LIFE_MS;
  view.setUint16(RANDOM_BYTES, Math.floor(expiresMs / 2 ** 32));
  view.setUint32(RANDOM_BYTES + 2, expiresMs % 2 ** 32);
  challenge.set(await tagOf(secret, purpose, challenge.subarray(0, BODY_BYTES)), BODY_BYTES);
  return challenge;
}

/** When the challenge expires, or undefined if it is not ours, not for this, or too old. */
export async function checkChallenge(
  secret: string,
  purpose: Purpose,
  text: string,
  nowMs: number,
): Promise<number | undefined> {
  let challenge: Uint8Array<ArrayBuffer>;
  try {
    challenge = fromBase64url(text);
  } catch {
    return undefined;
  }
  if (challenge.length !== BODY_BYTES + TAG_BYTES) return undefined;
  const tag = await tagOf(secret, purpose, challenge.subarray(0, BODY_BYTES));
  if (!equalBytes(tag, challenge.subarray(BODY_BYTES))) return undefined;
  const view = new DataView(challenge.buffer);
  const expiresMs = view.getUint16(RANDOM_BYTES) * 2 ** 32 + view.getUint32(RANDOM_BYTES + 2);
  return expiresMs > nowMs ? expiresMs : undefined;
}
