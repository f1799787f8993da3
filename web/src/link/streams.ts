// Subscriptions to the Mac's journal: resume after a cursor, notice a hole by
// `prevSeq`, subscribe again from where we stand, acknowledge. Delivers each
// event once and in order to its sink. Not for what events mean (model/).
import type { Frame, Header, Int64 } from '../../../proto/ts/link.ts';
import type { Clock, Timer } from './clock.ts';

/** link.proto: a client has at most 16. */
export const STREAMS_MAX = 16;
/** An eighth of what relay keeps unacknowledged: rare enough to be cheap, early enough to never stall. */
const ACK_BYTES = 128 * 1024;
const ACK_WITHIN_MS = 2_000;
const RETRY_MAX_MS = 30_000;
const RETRY_FIRST_MS = 250;

export interface RawEvent {
  seq: number;
  kind: string;
  signature: string;
  bodies: readonly Uint8Array[];
}

export interface StreamSink {
  /** What is held of this stream is void; events follow from here. */
  reset: (epoch: string, reason: string) => void;
  /** Events not seen before, in order. */
  apply: (epoch: string, events: readonly RawEvent[]) => void | Promise<void>;
  /** Everything up to the journal's head has been applied; false again after a break. */
  atHead: (at: boolean) => void;
}

interface Stream {
  name: string;
  thread: string;
  sink: StreamSink;
  epoch: string;
  /** The last event taken; -1 when none of this epoch has been. */
  taken: number;
  /** Where a fresh stream begins: a first batch may name any place up to here as the one before it. */
  from: number;
  head: number;
  subscribed: boolean;
  unacked: number;
  ackTimer: Timer | undefined;
  retryTimer: Timer | undefined;
  failures: number;
  /** Verification is asynchronous; the chain keeps resets and batches in order. */
  chain: Promise<void>;
}

export interface StreamDeps {
  clock: Clock;
  send: (header: Header) => boolean;
  ready: () => boolean;
  mac: () => string;
  /** Something inside a sink failed: our bug, told and not hidden. */
  failed: (error: unknown) => void;
}

export function fromInt64(value: Int64 | number | undefined): number {
  const n = Number(value ?? 0);
  return Number.isSafeInteger(n) && n >= 0 ? n : NaN;
}

export class Streams {
  readonly #deps: StreamDeps;
  readonly #streams = new Map<string, Stream>();
  #made = 0;

  constructor(deps: StreamDeps) {
    this.#deps = deps;
  }

  /** Opens a stream under a fresh name and returns what closes it. */
  open(thread: string, sink: StreamSink): () => void {
    if (this.#streams.size >= STREAMS_MAX) throw new Error('too many streams are open: close a thread first');
    const name = `s${++this.#made}`;
    const stream: Stream = {
      name,
      thread,
      sink,
      epoch: '',
      taken: -1,
      from: 0,
      head: 0,
      subscribed: false,
      unacked: 0,
      ackTimer: undefined,
      retryTimer: undefined,
      failures: 0,
      chain: Promise.resolve(),
    };
    this.#streams.set(name, stream);
    this.#subscribe(stream);
    return () => this.#close(stream);
  }

  /** The Mac has accepted this connection: every stream goes on from where it stands. */
  resumeAll(): void {
    for (const stream of this.#streams.values()) this.#subscribe(stream);
  }

  pauseAll(): void {
    for (const stream of this.#streams.values()) this.#pause(stream);
  }

  /** Another Mac, another journal: a cursor of the old one means nothing there. */
  forgetCursors(): void {
    for (const stream of this.#streams.values()) {
      stream.epoch = '';
      stream.taken = -1;
    }
  }

  frame({ header, bodies }: Frame): void {
    if (header.subscribed) this.#subscribed(header.subscribed.stream, header.subscribed);
    else if (header.events) this.#events(header.events, bodies);
    else if (header.gap) this.#gap(header.gap.stream);
  }

  /** A subscribe that did not reach relay; `resumeAll` comes with the next attach. */
  undelivered(trace: string): void {
    const stream = this.#streams.get(trace);
    if (stream) this.#again(stream);
  }

  #subscribe(stream: Stream): void {
    this.#pause(stream);
    if (!this.#deps.ready()) return;
    const after = stream.taken >= 0 ? { after: { epoch: stream.epoch, seq: String(stream.taken) } } : {};
    const thread = stream.thread ? { thread: stream.thread } : {};
    this.#deps.send({
      mac: this.#deps.mac(),
      trace: stream.name,
      subscribe: { stream: stream.name, ...thread, ...after },
    });
  }

  #subscribed(name: string, told: NonNullable<Header['subscribed']>): void {
    const stream = this.#streams.get(name);
    if (!stream) return;
    const epoch = told.from?.epoch ?? told.head?.epoch ?? '';
    stream.subscribed = true;
    stream.head = fromInt64(told.head?.seq);
    if (!told.resumed) this.#reset(stream, epoch, fromInt64(told.from?.seq), told.reason ?? '');
    if (stream.head <= stream.taken) this.#queue(stream, () => stream.sink.atHead(true));
  }

  #reset(stream: Stream, epoch: string, from: number, reason: string): void {
    stream.epoch = epoch;
    stream.taken = -1;
    stream.from = Number.isNaN(from) ? 0 : from;
    this.#queue(stream, () => stream.sink.reset(epoch, reason));
  }

  #events(told: NonNullable<Header['events']>, bodies: readonly Uint8Array[]): void {
    const stream = this.#streams.get(told.stream);
    if (!stream?.subscribed) return;
    const events = cut(told.events ?? [], bodies);
    const previous = fromInt64(told.prevSeq);
    if (!events || Number.isNaN(previous) || !this.#continues(stream, told.epoch, previous))
      return this.#again(stream);
    // Deltas that are read later come as one: one that reaches over what was taken would be had twice.
    if (
      previous < stream.taken &&
      (events.at(-1)?.seq ?? 0) > stream.taken &&
      !events.some((event) => event.seq === stream.taken)
    )
      return this.#again(stream);
    const fresh = events.filter((event) => event.seq > stream.taken);
    const last = fresh.at(-1);
    if (last) {
      stream.taken = last.seq;
      stream.failures = 0;
    }
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    this.#queue(stream, async () => {
      if (fresh.length) await stream.sink.apply(told.epoch, fresh);
      if (told.atHead) stream.sink.atHead(true);
      this.#acknowledge(stream, bytes);
    });
  }

  /** Whether nothing is missing between what was taken and this batch. An overlap is no hole. */
  #continues(stream: Stream, epoch: string, previous: number): boolean {
    if (epoch !== stream.epoch) return false;
    return stream.taken >= 0 ? previous <= stream.taken : previous <= stream.from;
  }

  #gap(name: string): void {
    const stream = this.#streams.get(name);
    if (stream) this.#again(stream);
  }

  #again(stream: Stream): void {
    this.#pause(stream);
    const delay = stream.failures === 0 ? 0 : Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** stream.failures);
    stream.failures++;
    stream.retryTimer = this.#deps.clock.after(delay, () => this.#subscribe(stream));
  }

  #acknowledge(stream: Stream, bytes: number): void {
    stream.unacked += bytes;
    if (stream.unacked >= ACK_BYTES) return this.#ack(stream);
    stream.ackTimer ??= this.#deps.clock.after(ACK_WITHIN_MS, () => this.#ack(stream));
  }

  #ack(stream: Stream): void {
    this.#deps.clock.cancel(stream.ackTimer);
    stream.ackTimer = undefined;
    stream.unacked = 0;
    if (stream.subscribed && stream.taken >= 0)
      this.#deps.send({ mac: this.#deps.mac(), ack: { stream: stream.name, seq: String(stream.taken) } });
  }

  #pause(stream: Stream): void {
    const { clock } = this.#deps;
    clock.cancel(stream.ackTimer);
    clock.cancel(stream.retryTimer);
    stream.ackTimer = stream.retryTimer = undefined;
    stream.subscribed = false;
    stream.unacked = 0;
    this.#queue(stream, () => stream.sink.atHead(false));
  }

  #close(stream: Stream): void {
    this.#pause(stream);
    this.#streams.delete(stream.name);
    if (this.#deps.ready()) this.#deps.send({ mac: this.#deps.mac(), unsubscribe: { stream: stream.name } });
  }

  #queue(stream: Stream, run: () => void | Promise<void>): void {
    stream.chain = stream.chain
      .then(() => (this.#streams.has(stream.name) ? run() : undefined))
      .catch(this.#deps.failed);
  }
}

/** Gives each event its bodies, or undefined when the header and the bodies do not fit together. */
function cut(
  metas: NonNullable<NonNullable<Header['events']>['events']>,
  bodies: readonly Uint8Array[],
): RawEvent[] | undefined {
  const out: RawEvent[] = [];
  let at = 0;
  let last = -1;
  for (const meta of metas) {
    const seq = fromInt64(meta.seq);
    const count = meta.bodies || 1;
    if (Number.isNaN(seq) || seq <= last || at + count > bodies.length) return undefined;
    out.push({
      seq,
      kind: meta.kind ?? '',
      signature: meta.signature ?? '',
      bodies: bodies.slice(at, at + count),
    });
    at += count;
    last = seq;
  }
  return at === bodies.length ? out : undefined;
}
