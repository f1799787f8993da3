// The three facts: phone–Orbit, Orbit–Mac, Mac–Codex, each with the time of its
// last proof. A hop without recent proof is "not known since". Pure.
export const PHONE_ORBIT_FRESH_MS = 25_000;
/** relay speaks at least every 20 s (link.proto, Freshness). */
export const ORBIT_MAC_FRESH_MS = 45_000;
/** A Mac that was asked and has said nothing for so long is not known to be there. */
export const PROBED_MAC_FRESH_MS = 14_000;
export const MAC_CODEX_FRESH_MS = 60_000;

/** Of the link to Orbit. Times are 0 for never. */
export interface OrbitProofs {
  orbitAtMs: number;
  /** The socket is open and greeted. */
  open: boolean;
  /** When the browser said that there is no network. A proof since then counts more. */
  offlineAtMs: number;
}

/** Of one Mac. */
export interface MacProofs {
  macAtMs: number;
  /** How long a proof of the Mac's counts. */
  macFreshMs: number;
  codexAtMs: number;
  /** Orbit's word on the Mac. */
  macOnline: boolean | undefined;
  macSinceMs: number;
  codex: string;
  codexMessage: string;
  /** The Mac's connection to Codex: another one means that something was missed. */
  codexSession: string;
}

export const NO_ORBIT_PROOFS: OrbitProofs = { orbitAtMs: 0, open: false, offlineAtMs: 0 };
export const NO_MAC_PROOFS: MacProofs = {
  macAtMs: 0,
  macFreshMs: ORBIT_MAC_FRESH_MS,
  codexAtMs: 0,
  macOnline: undefined,
  macSinceMs: 0,
  codex: 'unknown',
  codexMessage: '',
  codexSession: '',
};

export type Proofs = OrbitProofs & MacProofs;

export interface Hop {
  name: string;
  state: 'proven' | 'down' | 'unknown';
  /** The last proof; 0 when there never was one. */
  atMs: number;
  words: string;
}

export function hops(proofs: Proofs, nowMs: number): readonly [Hop, Hop, Hop] {
  return [orbitHop(proofs, nowMs), macHop(proofs, nowMs), codexHop(proofs, nowMs)];
}

function since(atMs: number): string {
  return atMs > 0 ? `not known since ${clockTime(atMs)}` : 'not known yet';
}

export function clockTime(ms: number): string {
  const date = new Date(ms);
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
}

function orbitHop(proofs: Proofs, nowMs: number): Hop {
  const name = 'Phone–Orbit';
  if (proofs.offlineAtMs > proofs.orbitAtMs)
    return { name, state: 'down', atMs: proofs.orbitAtMs, words: 'this phone is offline' };
  const fresh = proofs.open && nowMs - proofs.orbitAtMs <= PHONE_ORBIT_FRESH_MS;
  if (fresh) return { name, state: 'proven', atMs: proofs.orbitAtMs, words: 'connected' };
  return {
    name,
    state: proofs.open ? 'unknown' : 'down',
    atMs: proofs.orbitAtMs,
    words: proofs.open ? since(proofs.orbitAtMs) : 'not connected',
  };
}

function macHop(proofs: Proofs, nowMs: number): Hop {
  const name = 'Orbit–Mac';
  const orbit = orbitHop(proofs, nowMs).state === 'proven';
  if (orbit && proofs.macOnline === false)
    return {
      name,
      state: 'down',
      atMs: proofs.macAtMs,
      words: `offline since ${clockTime(proofs.macSinceMs || proofs.macAtMs)}`,
    };
  const fresh = orbit && proofs.macOnline === true && nowMs - proofs.macAtMs <= proofs.macFreshMs;
  return fresh
    ? { name, state: 'proven', atMs: proofs.macAtMs, words: 'connected' }
    : { name, state: 'unknown', atMs: proofs.macAtMs, words: since(proofs.macAtMs) };
}

function codexHop(proofs: Proofs, nowMs: number): Hop {
  const name = 'Mac–Codex';
  const fresh =
    macHop(proofs, nowMs).state === 'proven' &&
    proofs.codexAtMs > 0 &&
    nowMs - proofs.codexAtMs <= MAC_CODEX_FRESH_MS;
  if (!fresh) return { name, state: 'unknown', atMs: proofs.codexAtMs, words: since(proofs.codexAtMs) };
  if (proofs.codex === 'ready') return { name, state: 'proven', atMs: proofs.codexAtMs, words: 'ready' };
  return {
    name,
    state: 'down',
    atMs: proofs.codexAtMs,
    words: proofs.codexMessage || `Codex is ${proofs.codex}`,
  };
}

export function proven(three: readonly Hop[]): boolean {
  return three.every((hop) => hop.state === 'proven');
}

/** The one line that is always on screen. */
export function statusLine(three: readonly Hop[]): string {
  const broken = three.find((hop) => hop.state !== 'proven');
  return broken ? `${broken.name}: ${broken.words}` : 'Live';
}

/** "3 s ago", "4 min ago", or the time of day. */
export function ago(atMs: number, nowMs: number): string {
  if (atMs <= 0) return 'never';
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
