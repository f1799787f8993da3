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
/** In another storage than the key: which one this phone had. */
const DEVICE_NOTE = 'zane.device';

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

/** This phone's key. `lost`: it had one, and the browser has thrown it away; the one that is given is another. */
export async function deviceKey(
  store: Store,
  notes: Pick<Storage, 'getItem' | 'setItem'>,
): Promise<{ device: DeviceKey; lost: boolean }> {
  const kept = await store.get('keys', DEVICE);
  const known = notes.getItem(DEVICE_NOTE);
  let device = isDeviceKey(kept) ? kept : undefined;
  if (!device) {
    device = await makeDeviceKey();
    await store.put('keys', DEVICE, device);
  }
  if (store.outlives && known !== device.id) notes.setItem(DEVICE_NOTE, device.id);
  return { device, lost: !isDeviceKey(kept) && known !== null };
}

export async function pairedMacs(store: Store): Promise<PairedMac[]> {
  const rows = (await store.all('macs')).filter(isPairedMac);
  return rows.sort((a, b) => b.pairedAt - a.pairedAt);
}

export function rememberMac(store: Store, mac: PairedMac): Promise<void> {
  return store.put('macs', mac.mac, mac);
}
