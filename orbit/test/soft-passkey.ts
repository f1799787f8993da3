// A passkey in software: ES256, attestation "none". Answers the options of
// navigator.credentials as a browser and its authenticator would, or, when told
// so, as they should not. For tests only.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED_DATA = 0x40;

type CborValue = number | string | Uint8Array | Map<number | string, CborValue>;

/** As much of CBOR as an attestation object needs. */
function cbor(value: CborValue): Buffer {
  if (typeof value === 'number') return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value);
  if (typeof value === 'string')
    return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([cborHead(2, value.length), value]);
  return Buffer.concat([
    cborHead(5, value.size),
    ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)]),
  ]);
}

function cborHead(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 256) return Buffer.from([(major << 5) | 24, count]);
  return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff]);
}

const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest();
const base64url = (data: Uint8Array) => Buffer.from(data).toString('base64url');

export interface Misbehaviour {
  /** The page's origin, if not the passkey's own. */
  origin?: string;
  /** False: nobody proved to be the owner. */
  userVerified?: boolean;
  counter?: number;
  userHandle?: string;
}

export class SoftPasskey {
  readonly id: string;
  readonly #origin: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  #userHandle = '';
  #counter = 0;

  /** `origin`: the page it is used on, e.g. http://localhost:8787. */
  constructor(origin: string) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.id = base64url(randomBytes(16));
    this.#origin = origin;
    this.#privateKey = pair.privateKey;
    this.#publicKey = pair.publicKey;
  }

  /** navigator.credentials.create(): the answer to POST /api/enroll/options. */
  register(
    options: { challenge: string; rp: { id?: string }; user: { id: string } },
    but: Misbehaviour = {},
  ) {
    this.#userHandle = options.user.id;
    const clientData = this.#clientData('webauthn.create', options.challenge, but);
    const id = Buffer.from(this.id, 'base64url');
    const attested = Buffer.concat([
      Buffer.alloc(16),
      Buffer.from([id.length >> 8, id.length & 0xff]),
      id,
      cbor(this.#coseKey()),
    ]);
    const authData = Buffer.concat([this.#authData(options.rp.id, ATTESTED_DATA, but), attested]);
    const attestationObject = cbor(
      new Map<string, CborValue>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    );
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key' as const,
      clientExtensionResults: {},
      authenticatorAttachment: 'platform' as const,
      response: {
        clientDataJSON: base64url(clientData),
        attestationObject: base64url(attestationObject),
        transports: ['internal'],
      },
    };
  }

  /** navigator.credentials.get(): the answer to POST /api/login/options. */
  authenticate(options: { challenge: string; rpId?: string }, but: Misbehaviour = {}) {
    this.#counter += 1;
    const clientData = this.#clientData('webauthn.get', options.challenge, but);
    const authData = this.#authData(options.rpId, 0, but);
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), {
      key: this.#privateKey,
      dsaEncoding: 'der',
    });
    return {
      id: this.id,
      rawId: this.id,
      type: 'public-key' as const,
      clientExtensionResults: {},
      authenticatorAttachment: 'platform' as const,
      response: {
        clientDataJSON: base64url(clientData),
        authenticatorData: base64url(authData),
        signature: base64url(signature),
        userHandle: but.userHandle ?? this.#userHandle,
      },
    };
  }

  #clientData(type: string, challenge: string, but: Misbehaviour): Buffer {
    return Buffer.from(
      JSON.stringify({ type, challenge, origin: but.origin ?? this.#origin, crossOrigin: false }),
    );
  }

  #authData(rpId: string | undefined, flags: number, but: Misbehaviour): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(but.counter ?? this.#counter);
    const verified = but.userVerified === false ? 0 : USER_VERIFIED;
    return Buffer.concat([
      sha256(rpId ?? new URL(this.#origin).hostname),
      Buffer.from([USER_PRESENT | verified | flags]),
      counter,
    ]);
  }

  #coseKey(): CborValue {
    const { x = '', y = '' } = this.#publicKey.export({ format: 'jwk' }) as { x?: string; y?: string };
    return new Map<number, CborValue>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]);
  }
}
