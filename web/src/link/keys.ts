// This device's key and the Macs it is paired with, in the store. Not for the
// cryptography itself (signed.ts) nor for sign-in, which is Orbit's (auth.ts).
import { makeDeviceKey } from './signed.ts';
import type { DeviceKey } from './signed.ts';
import type { Store } from './store.ts';

export interface PairedMac {
  mac: string;
  /** The Mac's 65 raw bytes, base64url; checked against `mac` whenever it is imported. */
  key: string;
  name: string;
  device: string;
  role: string;
  pairedAt: number;
}

const DEVICE = 'device';

function isDeviceKey(value: unknown): value is DeviceKey {
  return (
    typeof value === 'object' &&
    value !== null &&
    'privateKey' in value &&
    'publicKey' in value &&
    'id' in value
  );
}

function isPairedMac(value: unknown): value is PairedMac {
  return typeof value === 'object' && value !== null && 'mac' in value && 'key' in value && 'device' in value;
}

export async function deviceKey(store: Store): Promise<DeviceKey> {
  const kept = await store.get('keys', DEVICE);
  if (isDeviceKey(kept)) return kept;
  const fresh = await makeDeviceKey();
  await store.put('keys', DEVICE, fresh);
  return fresh;
}

export async function pairedMacs(store: Store): Promise<PairedMac[]> {
  const rows = (await store.all('macs')).filter(isPairedMac);
  return rows.sort((a, b) => b.pairedAt - a.pairedAt);
}

export function rememberMac(store: Store, mac: PairedMac): Promise<void> {
  return store.put('macs', mac.mac, mac);
}
