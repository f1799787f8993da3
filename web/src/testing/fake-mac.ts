// The Mac end of the link, as far as a test of the client needs it: a real key,
// real signatures, and as many forgeries as asked for. For tests only.
import { toBase64url } from '../../../proto/ts/base64url.ts';
import type { Header } from '../../../proto/ts/link.ts';
import { concat, idOfKey, sha256Text, utf8 } from '../link/signed.ts';
import type { Bytes } from '../link/signed.ts';

const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;

export class FakeMac {
  readonly id: string;
  readonly key: Bytes;
  readonly publicKey: CryptoKey;
  readonly #private: CryptoKey;

  constructor(id: string, key: Bytes, pair: CryptoKeyPair) {
    this.id = id;
    this.key = key;
    this.publicKey = pair.publicKey;
    this.#private = pair.privateKey;
  }

  static async make(): Promise<FakeMac> {
    const pair = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
    const key = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    return new FakeMac(await idOfKey(key), key, pair);
  }

  async sign(body: Uint8Array): Promise<string> {
    const message = concat(utf8('zane-statement-v1\n'), body);
    return toBase64url(new Uint8Array(await crypto.subtle.sign(ES256, this.#private, message)));
  }

  async receipt(
    command: string,
    bytes: Uint8Array,
    state: string,
    more: Receipt = {},
  ): Promise<{ header: Header; bodies: Uint8Array[] }> {
    const result = more.result === undefined ? undefined : utf8(JSON.stringify(more.result));
    const body = utf8(
      JSON.stringify({
        kind: 'receipt',
        mac: this.id,
        command,
        commandDigest: await sha256Text(bytes),
        state,
        reason: more.reason,
        message: more.message,
        ...(result ? { resultDigest: await sha256Text(result) } : {}),
        at: 1,
        ...more.instead,
      }),
    );
    const signature = await this.sign(body);
    return {
      header: { mac: this.id, receipt: { command, signature } },
      bodies: result ? [body, result] : [body],
    };
  }

  async approval(fields: Record<string, unknown>): Promise<{ body: Bytes; signature: string }> {
    const body = utf8(JSON.stringify({ kind: 'approval', mac: this.id, ...fields }));
    return { body, signature: await this.sign(body) };
  }
}

export interface Receipt {
  result?: unknown;
  reason?: string;
  message?: string;
  /** Fields that a forger would change. */
  instead?: Record<string, unknown>;
}
