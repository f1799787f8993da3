// What this device signs and what it verifies: commands, Mac statements,
// pairing proofs and the digest of an approval (docs/link.md). Keys never leave
// WebCrypto. Not for: where keys are kept (keys.ts) or what statements mean.
import { fromBase64url, toBase64url } from '../../../proto/ts/base64url.ts';

const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const ID_BYTES = 16;
const KEY_BYTES = 65;

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Throws TypeError when the bytes are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export async function sha256(bytes: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(bytes)));
}

export async function sha256Text(bytes: Uint8Array): Promise<string> {
  return toBase64url(await sha256(bytes));
}

/** 16 random bytes: command ids, process handles, stream traces. */
export function randomId(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}

/** The id of a Mac or a device: it commits to the key. */
export async function idOfKey(key: Uint8Array): Promise<string> {
  return toBase64url((await sha256(key)).subarray(0, ID_BYTES));
}

export interface DeviceKey {
  id: string;
  publicKey: Bytes;
  privateKey: CryptoKey;
}

export async function makeDeviceKey(): Promise<DeviceKey> {
  const pair = await crypto.subtle.generateKey(P256, false, ['sign', 'verify']);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  return { id: await idOfKey(publicKey), publicKey, privateKey: pair.privateKey };
}

async function sign(key: CryptoKey, prefix: string, body: Uint8Array): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign(ES256, key, concat(utf8(prefix), body))));
}

export function signCommand(device: DeviceKey, body: Uint8Array): Promise<string> {
  return sign(device.privateKey, 'zane-command-v1\n', body);
}

/** The Mac's own key from its 65 raw bytes, or an error when it is not the key that `mac` names. */
export async function importMacKey(mac: string, key: string): Promise<CryptoKey> {
  const raw = fromBase64url(key);
  if (raw.length !== KEY_BYTES || (await idOfKey(raw)) !== mac)
    throw new Error('the key does not belong to this Mac: scan a new code');
  return crypto.subtle.importKey('raw', raw, P256, false, ['verify']);
}

/** Whether `signature` is the Mac's own over this statement. Any malformed input is a plain no. */
export async function verifyStatement(
  key: CryptoKey,
  body: Uint8Array,
  signature: unknown,
): Promise<boolean> {
  if (typeof signature !== 'string') return false;
  try {
    const message = concat(utf8('zane-statement-v1\n'), body);
    return await crypto.subtle.verify(ES256, key, fromBase64url(signature), message);
  } catch {
    return false;
  }
}

/** The digest of an approval over the very bytes that are rendered. */
export function approvalDigest(request: Uint8Array, shown: Uint8Array): Promise<string> {
  const head = utf8(`zane-approval-v1\n${request.length}\n`);
  return sha256Text(concat(head, request, utf8(`${shown.length}\n`), shown));
}

async function hmacKey(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', fromBase64url(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ]);
}

export async function pairProof(secret: string, body: Uint8Array): Promise<string> {
  const message = concat(utf8('zane-pair-v1\n'), body);
  return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', await hmacKey(secret), message)));
}

export async function verifyPairedProof(secret: string, body: Uint8Array, proof: unknown): Promise<boolean> {
  if (typeof proof !== 'string') return false;
  try {
    const message = concat(utf8('zane-paired-v1\n'), body);
    return await crypto.subtle.verify('HMAC', await hmacKey(secret), fromBase64url(proof), message);
  } catch {
    return false;
  }
}
