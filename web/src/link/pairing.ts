// The enrolment link and the exchange that makes this device and a Mac know
// each other (docs/link.md). The only place that ever holds the pairing secret,
// and only in memory. Not for Orbit's sign-in (auth.ts).
import { fromBase64url, toBase64url } from '../../../proto/ts/base64url.ts';
import type { Header } from '../../../proto/ts/link.ts';
import type { PairedMac } from './keys.ts';
import { fromUtf8, importMacKey, pairProof, utf8, verifyPairedProof, verifyStatement } from './signed.ts';
import type { DeviceKey } from './signed.ts';

const ID = /^[A-Za-z0-9_-]{22}$/;

export interface EnrolLink {
  token: string;
  mac: string;
  secret: string;
}

/** What `#enroll=…&mac=…&secret=…` says, or undefined when the fragment is none. */
export function readEnrolLink(fragment: string): EnrolLink | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const token = fields.get('enroll') ?? '';
  const mac = fields.get('mac') ?? '';
  const secret = fields.get('secret') ?? '';
  return token && ID.test(mac) && ID.test(secret) ? { token, mac, secret } : undefined;
}

/** The user an enrolment token is for, so that a browser signed in as another says so. Orbit is what checks it. */
export function tokenUser(token: string): string {
  try {
    const claims = JSON.parse(fromUtf8(fromBase64url(token.split('.')[1] ?? ''))) as { sub?: unknown };
    return typeof claims.sub === 'string' ? claims.sub : '';
  } catch {
    return '';
  }
}

/** "Chrome on Android": what a person will recognise in the Mac's list. */
export function deviceName(userAgent: string): string {
  const pick = (table: readonly (readonly [RegExp, string])[], other: string): string =>
    table.find(([test]) => test.test(userAgent))?.[1] ?? other;
  const browser = pick(
    [
      [/Edg\//, 'Edge'],
      [/Firefox\/|FxiOS/, 'Firefox'],
      [/Chrome\/|CriOS/, 'Chrome'],
      [/Safari\//, 'Safari'],
    ],
    'Browser',
  );
  const system = pick(
    [
      [/Android/, 'Android'],
      [/iPhone/, 'iPhone'],
      [/iPad/, 'iPad'],
      [/Mac OS X/, 'Mac'],
      [/Windows/, 'Windows'],
      [/Linux/, 'Linux'],
    ],
    'this device',
  );
  return `${browser} on ${system}`;
}

export async function pairFrame(
  link: EnrolLink,
  device: DeviceKey,
  name: string,
  at: number,
  trace: string,
): Promise<{ header: Header; body: Uint8Array }> {
  const body = utf8(JSON.stringify({ mac: link.mac, key: toBase64url(device.publicKey), name, at }));
  return { header: { mac: link.mac, trace, pair: { proof: await pairProof(link.secret, body) } }, body };
}

export type PairAnswer =
  | { kind: 'paired'; mac: PairedMac }
  | { kind: 'refused'; message: string }
  | { kind: 'forged'; message: string };

/** Judges a `paired` frame: only an answer with the secret's proof and the named Mac's signature counts. */
export async function judgePaired(
  link: EnrolLink,
  device: DeviceKey,
  header: Header,
  body: Uint8Array,
): Promise<PairAnswer> {
  const forged = (why: string): PairAnswer => ({
    kind: 'forged',
    message: `the answer does not come from your Mac (${why}): make a new code with \`zane pair\``,
  });
  let told: Record<string, unknown>;
  try {
    told = JSON.parse(fromUtf8(body)) as Record<string, unknown>;
  } catch {
    return forged('it is not readable');
  }
  // A Mac that has forgotten the secret cannot prove it: its refusal needs no proof, because it grants nothing.
  if (told['kind'] === 'refused')
    return {
      kind: 'refused',
      message: String(told['message'] ?? told['reason'] ?? 'your Mac refused to pair').slice(0, 500),
    };
  if (!(await verifyPairedProof(link.secret, body, header.paired?.proof)))
    return forged('it does not know the secret');
  if (told['mac'] !== link.mac) return forged('it names another Mac');
  if (told['kind'] !== 'paired') return forged('it is of an unknown kind');
  const key = String(told['key'] ?? '');
  const macKey = await importMacKey(link.mac, key).catch(() => undefined);
  if (!macKey) return forged('its key is another one');
  if (!(await verifyStatement(macKey, body, header.paired?.signature)))
    return forged('its signature is wrong');
  if (told['device'] !== device.id) return forged('it names another device');
  const mac: PairedMac = {
    mac: link.mac,
    key,
    device: device.id,
    name: String(told['macName'] ?? 'Mac').slice(0, 100),
    role: String(told['role'] ?? ''),
    pairedAt: Number(told['at']) || 0,
  };
  return { kind: 'paired', mac };
}
