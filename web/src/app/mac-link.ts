// One paired Mac over the socket: whether it has taken us, what it proves of itself, its streams and its signals.
// Its loop is `frame`. Not for what is on the disk (client.ts) nor for what a thread means (model/).
import type { Frame, Header, MacPresence } from '../../../proto/ts/link.ts';
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../../proto/ts/link.ts';
import type { Clock, Timer } from '../link/clock.ts';
import { CallError } from '../link/commands.ts';
import type { Commands, Resend } from '../link/commands.ts';
import type { PairedMac } from '../link/keys.ts';
import { fromUtf8 } from '../link/signed.ts';
import { fromInt64, Streams } from '../link/streams.ts';
import type { MacProofs } from '../model/freshness.ts';
import { NO_MAC_PROOFS, ORBIT_MAC_FRESH_MS, PROBED_MAC_FRESH_MS } from '../model/freshness.ts';
import { obj } from '../model/read.ts';
import type { Fields } from '../model/read.ts';
import { RELEASE } from '../release.ts';
import { readMacInfo } from './attach.ts';
import type { MacInfo } from './attach.ts';
import { messageOf } from './message.ts';

const ATTACH_TIMEOUT_MS = 15_000;
const ATTACH_RETRY_FIRST_MS = 1_000;
const ATTACH_RETRY_MAX_MS = 30_000;
/** A Mac of which nothing was heard for so long is asked, as long as somebody looks. */
const PROBE_AFTER_MS = 8_000;

export type Attach =
  | { state: 'no' }
  | { state: 'asking' }
  | { state: 'yes' }
  | { state: 'refused'; reason: string; message: string };

/** What the screens read; another object after each change. */
export interface MacView {
  mac: PairedMac;
  attach: Attach;
  info: MacInfo | undefined;
  proofs: MacProofs;
}

export interface MacLinkDeps {
  clock: Clock;
  commands: Pick<Commands, 'call' | 'resendAll' | 'dropUnrepeatable' | 'receipt' | 'undelivered'>;
  socket: { isOpen: () => boolean; send: (header: Header) => boolean };
  /** Whether anybody looks at the page. */
  isLookedAt: () => boolean;
  changed: (view: MacView) => void;
  /** Before what waits goes out. */
  leaving: () => Promise<void>;
  /** Name or role are others than those that are kept. */
  renamed: (mac: PairedMac) => void;
  signal: (message: Fields) => void;
  /** A bug of ours, told and not hidden. */
  failed: (error: unknown) => void;
  badFrame: () => void;
}

export class MacLink {
  readonly streams: Streams;
  readonly #deps: MacLinkDeps;
  #view: MacView;
  /** Orbit's word on the Mac; a Mac that came back is another connection, which knows nothing of us. */
  #presence: MacPresence | undefined;
  /** Which of its connections was asked to take us, and whether it has. */
  #askedSince = '';
  #attached = false;
  #failures = 0;
  #retry: Timer | undefined;
  /** An attach whose connection has gone must not speak for the next one. */
  #run = 0;
  /** Proofs come with every frame; `tick` brings them into the view, off the hot path. */
  #provenAtMs = 0;
  #probedAtMs = 0;

  constructor(mac: PairedMac, deps: MacLinkDeps) {
    this.#deps = deps;
    this.#view = { mac, attach: { state: 'no' }, info: undefined, proofs: NO_MAC_PROOFS };
    this.streams = new Streams({
      clock: deps.clock,
      send: deps.socket.send,
      ready: () => this.attached,
      mac: () => this.id,
      failed: deps.failed,
    });
  }

  get id(): string {
    return this.#view.mac.mac;
  }

  get view(): MacView {
    return this.#view;
  }

  get attached(): boolean {
    return this.#attached;
  }

  call(method: string, params: unknown, resend?: Resend): Promise<unknown> {
    return this.#deps.commands.call(this.id, method, params, resend);
  }

  presence(mine: MacPresence | undefined): void {
    this.#presence = mine;
    const macOnline = mine?.online ?? false;
    const macSinceMs = fromInt64(mine?.sinceMs) || 0;
    this.#set({ proofs: { ...this.#view.proofs, macOnline, macSinceMs } });
    if (!macOnline) return this.lost();
    if (this.#askedSince !== since(mine)) this.lost();
    void this.#attach();
  }

  /** The connection is gone, or the Mac's own. */
  lost(): void {
    if (this.attached) this.streams.pauseAll();
    this.#attached = false;
    this.#run++;
    this.#deps.clock.cancel(this.#retry);
    this.#deps.commands.dropUnrepeatable(this.id);
    this.#set({ attach: { state: 'no' } });
  }

  /** Frames of this Mac, from Orbit. */
  frame(frame: Frame): void {
    const { header } = frame;
    this.#provenAtMs = this.#deps.clock.now();
    if (header.receipt) return void this.#deps.commands.receipt(header, frame.bodies);
    if (header.freshness) return this.#fresh(header.freshness);
    if (header.signal) return this.#signal(frame.bodies[0]);
    this.streams.frame(frame);
  }

  /** Orbit or relay could not hand over a frame of ours. */
  undelivered(header: Header): void {
    const told = header.undelivered;
    const trace = header.trace ?? '';
    this.#deps.commands.undelivered(trace, told?.reason ?? '', String(told?.message ?? '').slice(0, 500));
    if (told?.reason === 'not-attached' && this.attached) {
      this.lost();
      return this.reattach();
    }
    if (told?.reason === 'mac-offline' || told?.reason === 'unknown-mac') return this.lost();
    this.streams.undelivered(trace);
  }

  reattach(): void {
    if (this.#presence?.online) void this.#attach();
  }

  /** Whether the Mac is there: asked now, the answer is its freshness. A Mac that does not know this is waited for. */
  probe(): void {
    if (!this.attached || !this.#view.info?.features.includes('probe')) return;
    this.#probedAtMs = this.#deps.clock.now();
    this.#deps.socket.send({ mac: this.id, probe: {} });
  }

  /** About once a second. */
  tick(): void {
    const quietSinceMs = Math.max(this.#provenAtMs, this.#probedAtMs);
    if (this.#deps.isLookedAt() && this.#deps.clock.now() - quietSinceMs >= PROBE_AFTER_MS) this.probe();
    const { proofs } = this.#view;
    if (proofs.macAtMs < this.#provenAtMs) this.#set({ proofs: { ...proofs, macAtMs: this.#provenAtMs } });
  }

  async #attach(): Promise<void> {
    if (this.attached || this.#view.attach.state === 'asking' || !this.#deps.socket.isOpen()) return;
    this.#set({ attach: { state: 'asking' } });
    const run = ++this.#run;
    this.#askedSince = since(this.#presence);
    this.#deps.clock.cancel(this.#retry);
    try {
      const params = { protocol: { min: PROTOCOL_MIN, max: PROTOCOL_MAX }, release: RELEASE };
      const result = await this.#deps.commands.call(
        this.id,
        'zane/attach',
        params,
        'never',
        ATTACH_TIMEOUT_MS,
      );
      if (run !== this.#run) return;
      this.#attached = true;
      this.#failures = 0;
      this.#learned(readMacInfo(result));
      this.streams.resumeAll();
      await this.#deps.leaving().catch(this.#deps.failed);
      if (run === this.#run) this.#deps.commands.resendAll(this.id);
    } catch (error) {
      if (run === this.#run) this.#refused(error);
    }
  }

  #learned(info: MacInfo): void {
    const known = this.#view.mac;
    const mac = { ...known, role: info.role || known.role, name: info.macName || known.name };
    const macFreshMs = info.features.includes('probe') ? PROBED_MAC_FRESH_MS : ORBIT_MAC_FRESH_MS;
    this.#set({ mac, info, attach: { state: 'yes' }, proofs: { ...this.#view.proofs, macFreshMs } });
    if (mac.role !== known.role || mac.name !== known.name) this.#deps.renamed(mac);
  }

  #refused(error: unknown): void {
    const reason = error instanceof CallError ? error.reason : 'failed';
    this.#set({ attach: { state: 'refused', reason, message: messageOf(error) } });
    const delay = Math.min(ATTACH_RETRY_MAX_MS, ATTACH_RETRY_FIRST_MS * 2 ** this.#failures++);
    this.#retry = this.#deps.clock.after(delay, () => this.reattach());
  }

  #fresh(told: NonNullable<Header['freshness']>): void {
    const at = this.#deps.clock.now();
    this.#set({
      proofs: {
        ...this.#view.proofs,
        macAtMs: at,
        codexAtMs: at - (fromInt64(told.codexAgeMs) || 0),
        codex: told.codex ?? 'unknown',
        codexSession: String(told.codexSession ?? ''),
        codexMessage: String(told.message ?? '').slice(0, 500),
      },
    });
  }

  #signal(body: Uint8Array | undefined): void {
    if (!body) return;
    let message: Fields;
    try {
      message = obj(JSON.parse(fromUtf8(body)));
    } catch {
      return this.#deps.badFrame();
    }
    this.#deps.signal(message);
  }

  #set(patch: Partial<MacView>): void {
    this.#view = { ...this.#view, ...patch };
    this.#deps.changed(this.#view);
  }
}

function since(presence: MacPresence | undefined): string {
  return String(presence?.sinceMs ?? 'unknown');
}
