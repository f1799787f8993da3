// The client's one owner of everything live: socket, keys, commands, streams,
// outbox, and the signals the screens read. Its loop is `#frame`: one named step
// per kind of frame. Not for drawing and not for what a thread means (model/).
import { createSignal } from 'solid-js';
import type { Frame, Header, MacPresence } from '../../../proto/ts/link.ts';
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../../proto/ts/link.ts';
import { admit, session } from '../link/auth.ts';
import { systemClock } from '../link/clock.ts';
import type { Timer } from '../link/clock.ts';
import { CallError, Commands } from '../link/commands.ts';
import { pairedMacs, rememberMac } from '../link/keys.ts';
import type { PairedMac } from '../link/keys.ts';
import { Outbox } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { importMacKey, fromUtf8 } from '../link/signed.ts';
import type { DeviceKey } from '../link/signed.ts';
import { LinkSocket } from '../link/socket.ts';
import type { LinkState } from '../link/socket.ts';
import type { Store } from '../link/store.ts';
import { fromInt64, Streams } from '../link/streams.ts';
import type { Proofs } from '../model/freshness.ts';
import { hops } from '../model/freshness.ts';
import { obj } from '../model/read.ts';
import type { Fields } from '../model/read.ts';
import { RELEASE } from '../release.ts';
import { mayAs, readMacInfo } from './attach.ts';
import type { MacInfo, Role } from './attach.ts';
import { insteadOf } from './orders.ts';
import { connectWire, onOffline, onWake } from './page.ts';

const ATTACH_TIMEOUT_MS = 15_000;
const ATTACH_RETRY_FIRST_MS = 1_000;
const ATTACH_RETRY_MAX_MS = 30_000;
const TICK_MS = 1_000;
const MAC_CHOICE = 'zane.mac';

export type Auth = 'unknown' | 'in' | 'out' | 'offline';
export type Attach =
  | { state: 'no' }
  | { state: 'asking' }
  | { state: 'yes' }
  | { state: 'refused'; reason: string; message: string };

export interface ClientParts {
  store: Store;
  device: DeviceKey;
}

export function createClient({ store, device }: ClientParts) {
  const clock = systemClock;
  const [auth, setAuth] = createSignal<Auth>('unknown');
  const [link, setLink] = createSignal<LinkState>({ phase: 'idle' });
  const [macs, setMacs] = createSignal<readonly PairedMac[]>([]);
  const [mac, setMac] = createSignal<PairedMac | undefined>();
  const [attach, setAttach] = createSignal<Attach>({ state: 'no' });
  const [info, setInfo] = createSignal<MacInfo | undefined>();
  const [presence, setPresence] = createSignal<readonly MacPresence[]>([]);
  const [orbitRelease, setOrbitRelease] = createSignal('');
  const [entries, setEntries] = createSignal<readonly Entry[]>([]);
  const [trouble, setTrouble] = createSignal('');
  const [now, setNow] = createSignal(clock.now());
  const [proofs, setProofs] = createSignal<Proofs>({
    orbitAtMs: 0,
    macAtMs: 0,
    codexAtMs: 0,
    open: false,
    macOnline: undefined,
    macSinceMs: 0,
    codex: 'unknown',
    codexMessage: '',
  });

  const macKeys = new Map<string, CryptoKey>();
  const signalSinks = new Set<(message: Fields) => void>();
  const pairSinks = new Set<(frame: Frame) => void>();
  let attached = '';
  let attachedSince = '';
  let attachFailures = 0;
  let attachTimer: Timer | undefined;
  // An attach whose connection has gone must not speak for the next one.
  let attachRun = 0;
  // Proofs arrive with every frame; one signal write a tick keeps them off the hot path.
  const proofAt = { orbit: 0, mac: 0 };

  const commands = new Commands({
    clock,
    device,
    macKey: (id) => macKeys.get(id),
    send: (header, bodies) => socket.send(header, bodies),
    ready: (id) => attached === id,
    forged: () =>
      setTrouble(
        'Something between this phone and your Mac made up an answer. It was ignored: your Mac did not sign it.',
      ),
  });
  const streams = new Streams({
    clock,
    send: (header) => socket.send(header),
    ready: () => attached !== '' && attached === mac()?.mac,
    mac: () => mac()?.mac ?? '',
    failed: (error) => setTrouble(`the app failed to read an event: ${String(error)}`),
  });
  const outbox = new Outbox(store, commands, setEntries, insteadOf);
  const socket = new LinkSocket({
    clock,
    connect: connectWire,
    admit: admitted,
    onFrame: frame,
    onOpen: opened,
    onState: linkChanged,
    onProof: (atMs) => {
      proofAt.orbit = atMs;
    },
  });

  async function admitted(doubt: 'fresh' | 'doubt') {
    const answer = await admit(doubt);
    if (answer === 'signed-out') setAuth('out');
    return answer;
  }

  function opened(hello: NonNullable<Header['hello']>): void {
    setOrbitRelease(hello.release);
    setAuth('in');
  }

  function linkChanged(state: LinkState): void {
    setLink(state);
    setProofs((known) => ({ ...known, open: state.phase === 'open', orbitAtMs: proofAt.orbit }));
    if (state.phase === 'signed-out') setAuth('out');
    if (state.phase !== 'open') detach();
  }

  function detach(): void {
    if (attached) streams.pauseAll();
    attached = attachedSince = '';
    attachRun++;
    clock.cancel(attachTimer);
    commands.dropUnrepeatable();
    setAttach({ state: 'no' });
  }

  function frame(frame: Frame): void {
    const { header } = frame;
    if (header.presence) return presenceChanged(header.presence.macs ?? []);
    if (header.undelivered) return undelivered(header);
    if (header.paired) return pairSinks.forEach((sink) => sink(frame));
    if (header.mac !== mac()?.mac) return;
    proofAt.mac = clock.now();
    if (header.receipt) return void commands.receipt(header, frame.bodies);
    if (header.freshness) return freshness(header.freshness);
    if (header.signal) return signal(frame.bodies[0]);
    streams.frame(frame);
  }

  function presenceChanged(list: readonly MacPresence[]): void {
    setPresence(list.slice(0, 50));
    const mine = list.find((entry) => entry.mac === mac()?.mac);
    const online = mine?.online ?? false;
    setProofs((known) => ({ ...known, macOnline: online, macSinceMs: fromInt64(mine?.sinceMs) || 0 }));
    if (!online) return detach();
    // A Mac that came back is a new relay connection: it knows nothing of us.
    if (attachedSince !== '' && attachedSince !== String(mine?.sinceMs)) detach();
    if (!attached) void attachNow(String(mine?.sinceMs));
  }

  async function attachNow(since: string): Promise<void> {
    const target = mac()?.mac;
    if (!target || attach().state === 'asking' || socket.state.phase !== 'open') return;
    setAttach({ state: 'asking' });
    const run = ++attachRun;
    clock.cancel(attachTimer);
    try {
      const params = { protocol: { min: PROTOCOL_MIN, max: PROTOCOL_MAX }, release: RELEASE };
      const result = await commands.call(target, 'zane/attach', params, 'never', ATTACH_TIMEOUT_MS);
      if (run !== attachRun) return;
      attached = target;
      attachedSince = since;
      attachFailures = 0;
      await learned(readMacInfo(result));
      setAttach({ state: 'yes' });
      streams.resumeAll();
      commands.resendAll(target);
    } catch (error) {
      if (run === attachRun) attachFailed(error);
    }
  }

  async function learned(told: MacInfo): Promise<void> {
    setInfo(told);
    const known = mac();
    if (!known || (known.role === told.role && known.name === told.macName)) return;
    const next = { ...known, role: told.role || known.role, name: told.macName || known.name };
    setMac(next);
    setMacs((list) => list.map((entry) => (entry.mac === next.mac ? next : entry)));
    await rememberMac(store, next);
  }

  function attachFailed(error: unknown): void {
    const reason = error instanceof CallError ? error.reason : 'failed';
    const message = error instanceof Error ? error.message : String(error);
    setAttach({ state: 'refused', reason, message });
    const delay = Math.min(ATTACH_RETRY_MAX_MS, ATTACH_RETRY_FIRST_MS * 2 ** attachFailures++);
    attachTimer = clock.after(delay, reattach);
  }

  function reattach(): void {
    if (socket.state.phase !== 'open') return;
    const mine = presence().find((entry) => entry.mac === mac()?.mac);
    if (mine?.online) void attachNow(String(mine.sinceMs));
  }

  function undelivered(header: Header): void {
    const told = header.undelivered;
    const trace = header.trace ?? '';
    const message = String(told?.message ?? '').slice(0, 500);
    pairSinks.forEach((sink) => sink({ header, bodies: [] }));
    commands.undelivered(trace, told?.reason ?? '', message);
    if (told?.reason === 'not-attached' && attached) {
      detach();
      return reattach();
    }
    if (told?.reason === 'mac-offline' || told?.reason === 'unknown-mac') return detach();
    streams.undelivered(trace);
  }

  function freshness(told: NonNullable<Header['freshness']>): void {
    const at = clock.now();
    setProofs((known) => ({
      ...known,
      macAtMs: at,
      codexAtMs: at - (fromInt64(told.codexAgeMs) || 0),
      codex: told.codex ?? 'unknown',
      codexSession: String(told.codexSession ?? ''),
      codexMessage: String(told.message ?? '').slice(0, 500),
    }));
  }

  function signal(body: Uint8Array | undefined): void {
    if (!body) return;
    try {
      const message = obj(JSON.parse(fromUtf8(body)));
      signalSinks.forEach((sink) => sink(message));
    } catch {
      socket.badFrames++;
    }
  }

  function tick(): void {
    setNow(clock.now());
    const known = proofs();
    if (known.orbitAtMs !== proofAt.orbit || known.macAtMs < proofAt.mac)
      setProofs({ ...known, orbitAtMs: proofAt.orbit, macAtMs: Math.max(known.macAtMs, proofAt.mac) });
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
    if (!next || next.mac === mac()?.mac) return;
    detach();
    localStorage.setItem(MAC_CHOICE, id);
    streams.forgetCursors();
    setInfo(undefined);
    proofAt.mac = 0;
    setProofs((known) => ({ ...known, macAtMs: 0, codexAtMs: 0, codex: 'unknown', macOnline: undefined }));
    setMac(next);
    if (socket.state.phase === 'open') presenceChanged(presence());
  }

  async function start(): Promise<void> {
    await loadMacs();
    await outbox.load();
    setInterval(tick, TICK_MS);
    onWake(() => socket.nudge());
    onOffline(() => {
      const offlineAtMs = clock.now();
      setNow(offlineAtMs);
      setProofs((known) => ({ ...known, offlineAtMs }));
      socket.nudge();
    });
    await checkSession();
  }

  /** The first word on sign-in. Without Orbit, a known device still shows its screens, and says so. */
  async function checkSession(): Promise<void> {
    try {
      setAuth((await session()) ? 'in' : 'out');
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

  function requireMac(): string {
    const id = mac()?.mac;
    if (!id)
      throw new Error('no Mac is paired with this device: make a code with `zane pair` and open it here');
    return id;
  }

  const call = (
    method: string,
    params: unknown,
    resend: 'until-answered' | 'never' = 'until-answered',
  ): Promise<unknown> => commands.call(requireMac(), method, params, resend);
  const may = (role: Role): boolean => mayAs(info()?.role || mac()?.role || '', role);
  const listen = <T>(set: Set<T>, sink: T): (() => void) => {
    set.add(sink);
    return () => set.delete(sink);
  };

  return {
    store,
    device,
    commands,
    streams,
    outbox,
    socket,
    auth,
    setAuth,
    link,
    macs,
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
    requireMac,
    call,
    may,
    reattach,
    onSignal: (sink: (message: Fields) => void) => listen(signalSinks, sink),
    onPaired: (sink: (frame: Frame) => void) => listen(pairSinks, sink),
  };
}

export type Client = ReturnType<typeof createClient>;
