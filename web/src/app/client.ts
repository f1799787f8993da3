// Composition: the socket, this device's key and outbox, one MacLink for the Mac that is chosen, and the signals
// that the screens read. Not for what a Mac says (mac-link.ts), for drawing, or for what a thread means (model/).
import { createMemo, createSignal } from 'solid-js';
import type { Frame, Header, MacPresence } from '../../../proto/ts/link.ts';
import { admit, session } from '../link/auth.ts';
import { systemClock } from '../link/clock.ts';
import { Commands } from '../link/commands.ts';
import { pairedMacs, rememberMac } from '../link/keys.ts';
import type { PairedMac } from '../link/keys.ts';
import { Outbox } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { importMacKey } from '../link/signed.ts';
import type { DeviceKey } from '../link/signed.ts';
import { LinkSocket } from '../link/socket.ts';
import type { LinkState } from '../link/socket.ts';
import type { Store } from '../link/store.ts';
import { hops, NO_MAC_PROOFS, NO_ORBIT_PROOFS } from '../model/freshness.ts';
import type { OrbitProofs, Proofs } from '../model/freshness.ts';
import type { Fields } from '../model/read.ts';
import { mayAs } from './attach.ts';
import type { MacInfo, Role } from './attach.ts';
import { MacLink } from './mac-link.ts';
import type { Attach, MacView } from './mac-link.ts';
import { insteadOf } from './late-orders.ts';
import { Seen } from './seen.ts';
import { connectWire, isLookedAt, onHidden, onOffline, onWake } from './page.ts';

const TICK_MS = 1_000;
const MAC_CHOICE = 'zane.mac';
const MACS_MAX = 50;
const FORGED =
  'Something between this phone and your Mac made up an answer. It was ignored: your Mac did not sign it.';

export type Auth = 'unknown' | 'in' | 'out' | 'offline';

export interface ClientParts {
  store: Store;
  device: DeviceKey;
}

export function createClient({ store, device }: ClientParts) {
  const clock = systemClock;
  const [auth, setAuth] = createSignal<Auth>('unknown');
  const [link, setLink] = createSignal<LinkState>({ phase: 'idle' });
  const [macs, setMacs] = createSignal<readonly PairedMac[]>([]);
  const [macLink, setMacLink] = createSignal<MacLink | undefined>();
  const [view, setView] = createSignal<MacView | undefined>();
  const [presence, setPresence] = createSignal<readonly MacPresence[]>([]);
  const [orbitRelease, setOrbitRelease] = createSignal('');
  const [entries, setEntries] = createSignal<readonly Entry[]>([]);
  const [trouble, setTrouble] = createSignal('');
  const [now, setNow] = createSignal(clock.now());
  const [orbit, setOrbit] = createSignal<OrbitProofs>(NO_ORBIT_PROOFS);
  const mac = createMemo(() => view()?.mac);
  const attach = createMemo<Attach>(() => view()?.attach ?? { state: 'no' });
  const info = createMemo<MacInfo | undefined>(() => view()?.info);
  const proofs = createMemo<Proofs>(() => ({ ...orbit(), ...(view()?.proofs ?? NO_MAC_PROOFS) }));

  const macKeys = new Map<string, CryptoKey>();
  const signalSinks = new Set<(message: Fields) => void>();
  const pairSinks = new Set<(frame: Frame) => void>();
  // A proof comes with every frame; one signal write a tick keeps them off the hot path.
  let orbitAtMs = 0;

  const commands = new Commands({
    clock,
    device,
    macKey: (id) => macKeys.get(id),
    send: (header, bodies) => socket.send(header, bodies),
    ready: (id) => macLink()?.id === id && macLink()?.attached === true,
    forged: () => setTrouble(FORGED),
  });
  const seen = new Seen(store, clock, localStorage);
  const outbox = new Outbox(store, commands, setEntries, insteadOf);
  const socket = new LinkSocket({
    clock,
    connect: connectWire,
    admit: admitted,
    onFrame: frame,
    onOpen: opened,
    onState: linkChanged,
    onProof: (atMs) => {
      orbitAtMs = atMs;
    },
  });

  async function admitted(doubt: 'fresh' | 'doubt') {
    const answer = await admit(doubt);
    if (answer === 'signed-out') signedOut();
    return answer;
  }

  /** What was seen goes with the sign-in. */
  function signedOut(): void {
    setAuth('out');
    void seen.clear();
  }

  function opened(hello: NonNullable<Header['hello']>): void {
    setOrbitRelease(hello.release);
    setAuth('in');
  }

  function linkChanged(state: LinkState): void {
    setLink(state);
    setOrbit((known) => ({ ...known, open: state.phase === 'open', orbitAtMs }));
    if (state.phase === 'signed-out') signedOut();
    if (state.phase !== 'open') macLink()?.lost();
  }

  function frame(frame: Frame): void {
    const { header } = frame;
    if (header.presence) return presenceChanged(header.presence.macs ?? []);
    if (header.paired) return pairSinks.forEach((sink) => sink(frame));
    if (header.undelivered) pairSinks.forEach((sink) => sink({ header, bodies: [] }));
    const to = macLink();
    if (header.undelivered) to?.undelivered(header);
    else if (header.mac === to?.id) to?.frame(frame);
  }

  function presenceChanged(list: readonly MacPresence[]): void {
    setPresence(list.slice(0, MACS_MAX));
    const to = macLink();
    to?.presence(list.find((entry) => entry.mac === to.id));
  }

  function tick(): void {
    setNow(clock.now());
    if (orbit().orbitAtMs !== orbitAtMs) setOrbit((known) => ({ ...known, orbitAtMs }));
    macLink()?.tick();
    commands.expireOld();
  }

  async function importKeys(list: readonly PairedMac[]): Promise<void> {
    for (const entry of list) {
      const key = await importMacKey(entry.mac, entry.key).catch(() => undefined);
      if (key) macKeys.set(entry.mac, key);
    }
  }

  async function loadMacs(prefer?: string): Promise<void> {
    const list = await pairedMacs(store);
    await importKeys(list);
    setMacs(list);
    const wanted = prefer ?? localStorage.getItem(MAC_CHOICE) ?? '';
    chooseMac((list.find((entry) => entry.mac === wanted) ?? list[0])?.mac ?? '');
  }

  /** Another Mac: what is held of the first one's streams is void. */
  function chooseMac(id: string): void {
    const next = macs().find((entry) => entry.mac === id);
    if (!next || next.mac === macLink()?.id) return;
    macLink()?.lost();
    localStorage.setItem(MAC_CHOICE, id);
    const chosen = new MacLink(next, {
      clock,
      commands,
      socket: { isOpen: () => socket.state.phase === 'open', send: (header) => socket.send(header) },
      isLookedAt,
      changed: (changed) => {
        if (macLink() !== chosen) return;
        setView(changed);
        // This device was revoked.
        if (changed.attach.state === 'refused' && changed.attach.reason === 'unknown-device')
          void seen.clear();
      },
      leaving: () => outbox.leaving(next.mac),
      renamed,
      signal: (message) => signalSinks.forEach((sink) => sink(message)),
      failed: (error) => setTrouble(`the app failed to read an event: ${String(error)}`),
      badFrame: () => {
        socket.badFrames++;
      },
    });
    setMacLink(chosen);
    setView(chosen.view);
    if (socket.state.phase === 'open') presenceChanged(presence());
  }

  function renamed(known: PairedMac): void {
    setMacs((list) => list.map((entry) => (entry.mac === known.mac ? known : entry)));
    rememberMac(store, known).catch(() => undefined);
  }

  async function start(): Promise<void> {
    await loadMacs();
    await outbox.load();
    setInterval(tick, TICK_MS);
    onWake(() => {
      socket.nudge();
      macLink()?.probe();
    });
    onHidden(() => void seen.flush());
    onOffline(() => {
      const offlineAtMs = clock.now();
      setNow(offlineAtMs);
      setOrbit((known) => ({ ...known, offlineAtMs }));
      socket.nudge();
    });
    await checkSession();
  }

  /** The first word on sign-in. Without Orbit, a known device still shows its screens, and says so. */
  async function checkSession(): Promise<void> {
    try {
      if (await session()) setAuth('in');
      else signedOut();
    } catch {
      setAuth('offline');
    }
    if (auth() !== 'out') goOnline();
  }

  /** After a sign-in: the signed-out state is left only here. */
  function goOnline(): void {
    if (socket.state.phase === 'signed-out') socket.stop();
    setAuth('in');
    socket.start();
  }

  function theMac(): MacLink {
    const chosen = macLink();
    if (!chosen)
      throw new Error('no Mac is paired with this device: make a code with `zane pair` and open it here');
    return chosen;
  }

  const may = (role: Role): boolean => mayAs(info()?.role || mac()?.role || '', role);
  const listen = <T>(set: Set<T>, sink: T): (() => void) => {
    set.add(sink);
    return () => set.delete(sink);
  };

  return {
    store,
    device,
    commands,
    outbox,
    seen,
    socket,
    auth,
    signedOut,
    link,
    macs,
    macLink,
    mac,
    attach,
    info,
    presence,
    orbitRelease,
    entries,
    trouble,
    setTrouble,
    now,
    proofs,
    hops: () => hops(proofs(), now()),
    macKey: () => macKeys.get(mac()?.mac ?? ''),
    start,
    goOnline,
    loadMacs,
    chooseMac,
    requireMac: (): string => theMac().id,
    call: (method: string, params: unknown, resend?: 'until-answered' | 'never'): Promise<unknown> =>
      theMac().call(method, params, resend),
    may,
    reattach: () => macLink()?.reattach(),
    onSignal: (sink: (message: Fields) => void) => listen(signalSinks, sink),
    onPaired: (sink: (frame: Frame) => void) => listen(pairSinks, sink),
  };
}

export type Client = ReturnType<typeof createClient>;
