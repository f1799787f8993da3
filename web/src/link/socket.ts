// One WebSocket to Orbit and the loop that keeps it: hello, heartbeat with a
// deadline, backoff with jitter, and states that are told apart (weather,
// signed out, update needed). Not for what frames mean: `onFrame` gets them all.
import { Close, decodeFrame, encodeTextFrame, PROTOCOL_MAX, PROTOCOL_MIN } from '../../../proto/ts/link.ts';
import type { Frame, Header, Hello } from '../../../proto/ts/link.ts';
import { RELEASE } from '../release.ts';
import type { Clock, Timer } from './clock.ts';

/** Well under Orbit's patience, and cheap: an auto-response that wakes nobody. */
export const PING_EVERY_MS = 15_000;
export const PONG_WITHIN_MS = 6_000;
/** A phone that comes back to the front wants to know at once whether its socket is dead. */
export const PROBE_WITHIN_MS = 2_500;
const OPEN_WITHIN_MS = 12_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 30_000;
/** Only a connection that held this long proves the weather better. */
const QUIET_MS = 20_000;

export type Phase = 'idle' | 'connecting' | 'open' | 'waiting' | 'signed-out' | 'update';

export interface LinkState {
  phase: Phase;
  /** When the next attempt is due, for `waiting`. */
  retryAtMs?: number;
  /** A sentence for people: why it is not open. */
  message?: string;
}

/** What the loop needs of a browser WebSocket. */
export interface WireSocket {
  binaryType: BinaryType;
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
}

export type Admission = 'ok' | 'signed-out' | 'weather';

export interface SocketDeps {
  clock: Clock;
  connect: () => WireSocket;
  /** Renews the access cookie before it is needed; `doubt` after a connection that was refused. */
  admit: (doubt: 'fresh' | 'doubt') => Promise<Admission>;
  onFrame: (frame: Frame) => void;
  onOpen: (hello: Hello) => void;
  onState: (state: LinkState) => void;
  /** Any byte from Orbit: the first hop is alive. */
  onProof: (atMs: number) => void;
}

export class LinkSocket {
  readonly #deps: SocketDeps;
  #wire: WireSocket | undefined;
  #state: LinkState = { phase: 'idle' };
  #greeted = false;
  #failures = 0;
  #attempt = 0;
  #retry: Timer | undefined;
  #beat: Timer | undefined;
  #deadline: Timer | undefined;
  #quiet: Timer | undefined;
  #doubt: 'fresh' | 'doubt' = 'fresh';
  /** Frames that were not frames, since the page was loaded. */
  badFrames = 0;

  constructor(deps: SocketDeps) {
    this.#deps = deps;
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    if (this.#state.phase === 'idle') void this.#connect();
  }

  stop(): void {
    this.#attempt++;
    this.#drop(1000, 'page done');
    this.#say({ phase: 'idle' });
  }

  /** The manual "try now", and what `online`, `focus` and their like call. Never queues a second attempt. */
  nudge(): void {
    if (this.#state.phase === 'waiting') void this.#connect();
    else if (this.#state.phase === 'open') this.#ping(PROBE_WITHIN_MS);
  }

  /** False when the frame could not leave now; the caller keeps what matters. */
  send(header: Header, bodies: readonly Uint8Array[] = []): boolean {
    if (this.#state.phase !== 'open' || !this.#wire || this.#wire.readyState !== 1) return false;
    this.#wire.send(encodeTextFrame(header, bodies));
    return true;
  }

  #say(state: LinkState): void {
    this.#state = state;
    this.#deps.onState(state);
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#drop(1000, 'again');
    this.#say({ phase: 'connecting' });
    const admission = await this.#deps.admit(this.#doubt);
    if (attempt !== this.#attempt) return;
    if (admission === 'signed-out')
      return this.#say({ phase: 'signed-out', message: 'signed out: sign in with your passkey' });
    if (admission === 'weather') return this.#wait('Orbit cannot be reached');
    this.#open(attempt);
  }

  #open(attempt: number): void {
    const wire = this.#deps.connect();
    this.#wire = wire;
    this.#greeted = false;
    wire.binaryType = 'arraybuffer';
    wire.onopen = () => {
      if (attempt !== this.#attempt) return;
      wire.send(
        encodeTextFrame({
          hello: {
            part: 'client',
            protocolMin: PROTOCOL_MIN,
            protocolMax: PROTOCOL_MAX,
            features: ['terminal'],
            release: RELEASE,
          },
        }),
      );
    };
    wire.onmessage = (event) => {
      if (attempt === this.#attempt) this.#take(event.data);
    };
    wire.onclose = (event) => {
      if (attempt === this.#attempt) this.#closed(event.code);
    };
    this.#deadline = this.#deps.clock.after(OPEN_WITHIN_MS, () => this.#lost('Orbit does not answer'));
  }

  #take(data: unknown): void {
    this.#deps.onProof(this.#deps.clock.now());
    if (data === 'pong') return this.#ponged();
    let frame: Frame;
    try {
      if (typeof data === 'string') frame = decodeFrame(data);
      else if (data instanceof ArrayBuffer) frame = decodeFrame(new Uint8Array(data));
      else return;
    } catch {
      // The peer's nonsense: drop the frame, count it, go on. A stream notices the hole by itself.
      this.badFrames++;
      return;
    }
    if (!this.#greeted) return this.#greet(frame.header.hello);
    this.#deps.onFrame(frame);
  }

  #greet(hello: Hello | undefined): void {
    if (!hello) return;
    if (hello.protocolMax < PROTOCOL_MIN) return this.#update('Orbit is too old for this app: update Orbit');
    if (hello.protocolMin > PROTOCOL_MAX)
      return this.#update('this app is too old for Orbit: reload it to update');
    this.#greeted = true;
    this.#doubt = 'fresh';
    const clock = this.#deps.clock;
    clock.cancel(this.#deadline);
    this.#deadline = undefined;
    this.#quiet = clock.after(QUIET_MS, () => {
      this.#failures = 0;
    });
    this.#beat = clock.after(PING_EVERY_MS, () => this.#ping(PONG_WITHIN_MS));
    this.#say({ phase: 'open' });
    this.#deps.onOpen(hello);
  }

  #update(message: string): void {
    this.#attempt++;
    this.#drop(Close.NO_COMMON_VERSION, 'no common version');
    this.#say({ phase: 'update', message });
  }

  #ping(within: number): void {
    const { clock } = this.#deps;
    clock.cancel(this.#beat);
    if (this.#wire?.readyState !== 1) return this.#lost('the connection is gone');
    this.#wire.send('ping');
    clock.cancel(this.#deadline);
    this.#deadline = clock.after(within, () => this.#lost('Orbit stopped answering'));
    this.#beat = clock.after(PING_EVERY_MS, () => this.#ping(PONG_WITHIN_MS));
  }

  #ponged(): void {
    this.#deps.clock.cancel(this.#deadline);
    this.#deadline = undefined;
  }

  #lost(message: string): void {
    this.#attempt++;
    const opened = this.#greeted;
    this.#drop(1000, 'silent');
    this.#wait(message, opened);
  }

  #closed(code: number): void {
    const opened = this.#greeted;
    this.#attempt++;
    this.#drop();
    if (code === Close.SIGNED_OUT)
      return this.#say({ phase: 'signed-out', message: 'this device was signed out: sign in again' });
    if (code === Close.NO_COMMON_VERSION)
      return this.#say({
        phase: 'update',
        message: 'Orbit and this app have no common version: reload the app, or update Orbit',
      });
    const why =
      code === Close.TOO_MUCH
        ? 'Orbit asked this app to slow down'
        : opened
          ? 'the connection was lost'
          : 'Orbit cannot be reached';
    this.#wait(why, opened);
  }

  #wait(message: string, opened = false): void {
    // A refusal at the door looks like weather to a browser: ask about the session before the next try.
    this.#doubt = opened ? 'fresh' : 'doubt';
    const { clock } = this.#deps;
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#failures++);
    const delay = Math.round(ceiling * (0.5 + clock.random() / 2));
    this.#say({ phase: 'waiting', retryAtMs: clock.now() + delay, message });
    this.#retry = clock.after(delay, () => void this.#connect());
  }

  #drop(code?: number, reason?: string): void {
    const { clock } = this.#deps;
    for (const timer of [this.#retry, this.#beat, this.#deadline, this.#quiet]) clock.cancel(timer);
    this.#retry = this.#beat = this.#deadline = this.#quiet = undefined;
    const wire = this.#wire;
    this.#wire = undefined;
    if (!wire) return;
    wire.onopen = wire.onmessage = wire.onclose = null;
    if (code !== undefined && wire.readyState <= 1) wire.close(code, reason);
  }
}
