// One of many pages on one thread: takes frames as they come, looks whether each
// follows the one before, acknowledges. Quick, slow (a rest after each frame) or one
// that stops reading. Keeps counts and nothing else.
import { WebSocket } from 'ws';
import { decodeFrame, encodeTextFrame, PROTOCOL_MAX, PROTOCOL_MIN } from '../../proto/ts/link.ts';
import type { Header } from '../../proto/ts/link.ts';
import type { NodePhone } from '../harness/node-phone.ts';

export type Pace = 'quick' | 'slow' | 'stopped';
const SLOW_REST_MS = 40;

export class Page {
  events = 0;
  bytes = 0;
  /** Frames that did not follow the one before, and gaps that were told. */
  readonly breaks: string[] = [];
  /** Kinds of events that are not Codex's own. */
  readonly kinds = new Map<string, number>();
  closed = '';
  readonly pace: Pace;
  readonly ready: Promise<void>;
  readonly #phone: NodePhone;
  readonly #thread: string;
  readonly #socket: WebSocket;
  #subscribed: () => void = () => undefined;
  #last = 0;
  #ends: { text: string; done: () => void }[] = [];

  constructor(phone: NodePhone, thread: string, pace: Pace) {
    this.#phone = phone;
    this.#thread = thread;
    this.pace = pace;
    const { orbit } = phone.world;
    this.#socket = new WebSocket(`${orbit.wsUrl}/ws`, {
      headers: { origin: orbit.origin, cookie: phone.person.cookieHeader },
    });
    this.ready = new Promise((done, failed) => {
      this.#subscribed = done;
      this.#socket.on('close', (code, reason) => {
        this.closed ||= `${code} ${reason.toString()}`;
        failed(new Error(`the page was closed: ${this.closed}`));
      });
    });
    this.#socket.on('message', (data: Buffer) => this.#take(data));
    this.#socket.on('error', () => undefined);
  }

  /** An event with this text has come, or will. */
  saw(text: string): Promise<void> {
    return new Promise((done) => this.#ends.push({ text, done }));
  }

  close(): void {
    this.closed ||= 'by itself';
    this.#socket.terminate();
  }

  #send(header: Header, ...bodies: Uint8Array[]): void {
    this.#socket.send(encodeTextFrame(header, bodies));
  }

  #take(data: Buffer): void {
    const { header, bodies } = decodeFrame(new Uint8Array(data));
    const { mac } = this.#phone.world;
    if (header.hello) return void this.#greet();
    if (header.receipt)
      return this.#send({ mac, trace: 's', subscribe: { stream: 's', thread: this.#thread } });
    if (header.subscribed) {
      this.#last = Number(header.subscribed.from?.seq ?? 0);
      this.#subscribed();
      // From now on nothing is read any more.
      if (this.pace === 'stopped') this.#socket.pause();
      return;
    }
    if (header.gap) this.breaks.push(`gap: ${header.gap.reason}`);
    if (!header.events) return;
    if (Number(header.events.prevSeq ?? 0) !== this.#last)
      this.breaks.push(`${header.events.prevSeq} after ${this.#last}`);
    let at = 0;
    for (const { seq, kind = '', bodies: count = 1 } of header.events.events ?? []) {
      this.#last = Number(seq);
      // Deltas that are read late come as one: each has its number and its time.
      this.events += Math.max(
        1,
        Buffer.from(bodies[at]!)
          .toString('latin1')
          .match(/\d+ \d{10,} /g)?.length ?? 0,
      );
      at += count;
      if (kind) this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    }
    this.bytes += data.length;
    this.#send({ mac, ack: { stream: 's', seq: String(this.#last) } });
    if (this.#ends.length > 0) for (const body of bodies) this.#look(Buffer.from(body));
    if (this.pace !== 'slow') return;
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), SLOW_REST_MS);
  }

  #look(body: Buffer): void {
    this.#ends = this.#ends.filter(({ text, done }) => {
      if (!body.includes(text)) return true;
      done();
      return false;
    });
  }

  async #greet(): Promise<void> {
    this.#send({
      hello: { part: 'client', protocolMin: PROTOCOL_MIN, protocolMax: PROTOCOL_MAX, release: 'load' },
    });
    const { body, signature } = await this.#phone.signed('zane/attach', {
      protocol: { min: 1, max: 1 },
      release: 'load',
    });
    this.#send(
      { mac: this.#phone.world.mac, trace: 'a', command: { device: this.#phone.device.id, signature } },
      body,
    );
  }
}
