// What the Mac says of itself in the receipt of `zane/attach`, read carefully.
// Not for when to attach (client.ts).
import { arr, obj, str, strings, num } from '../model/read.ts';

export interface PairedDevice {
  device: string;
  name: string;
  role: string;
  pairedAt: number;
}

export interface MacInfo {
  macName: string;
  release: string;
  /** What it understands beyond the protocol's version. */
  features: readonly string[];
  role: string;
  devices: readonly PairedDevice[];
  codex: { state: string; version: string; message: string; home: string };
  folders: readonly string[];
  hooks: readonly { name: string; path: string }[];
  home: string;
}

export function readMacInfo(result: unknown): MacInfo {
  const fields = obj(result);
  const codex = obj(fields['codex']);
  return {
    macName: str(fields['macName']),
    release: str(fields['release']),
    features: strings(fields['features']).slice(0, 50),
    role: str(fields['role']),
    devices: arr(fields['devices'])
      .slice(0, 100)
      .map((entry) => {
        const device = obj(entry);
        return {
          device: str(device['device']),
          name: str(device['name']),
          role: str(device['role']),
          pairedAt: num(device['pairedAt']) ?? 0,
        };
      }),
    codex: {
      state: str(codex['state']),
      version: str(codex['version']),
      message: str(codex['message']),
      home: str(codex['home']),
    },
    folders: strings(fields['folders']).slice(0, 200),
    hooks: arr(fields['hooks'])
      .slice(0, 100)
      .map((entry) => ({ name: str(obj(entry)['name']), path: str(obj(entry)['path']) })),
    home: str(fields['home']),
  };
}

export type Role = 'viewer' | 'approver' | 'operator' | 'owner';
const ROLES: readonly string[] = ['viewer', 'approver', 'operator', 'owner'];

/** What the screen offers; the Mac checks again, whatever the screen did. */
export function mayAs(role: string, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
