// One of many pages on a thread: acknowledges as the client does (web/src/link/streams.ts),
// and looks at nothing but the first delta of each frame, the one that waited longest.
import { WebSocket } from 'ws';
import { decodeFrame, encodeTextFrame, PROTOCOL_MAX, PROTOCOL_MIN } from '../proto/ts/link.ts';
import type { Header } from '../proto/ts/link.ts';
import type { NodePhone } from '../tests/harness/node-phone.ts';

const ACK_BYTES = 128 * 1024;
const DELTA = Buffer.from('"delta":"');

export interface Seen {
  events: number;
  firstUs: number[];
  offline: number;
  closed: number;
}

export class LightPage {
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
  readonly seen: Seen = { events: 0, firstUs: [], offline: 0, closed: 0 };
  readonly #phone: NodePhone;
  readonly #socket: WebSocket;
  readonly #thread: string;
  #unacked = 0;
  #isReady!: () => void;
  #isOver!: () => void;

  constructor(phone: NodePhone, thread: string) {
    this.#phone = phone;
    this.#thread = thread;
    this.ready = new Promise((done) => {
      this.#isReady = done;
    });
    this.ended = new Promise((done) => {
      this.#isOver = done;
    });
    const { orbit } = phone.world;
    this.#socket = new WebSocket(`${orbit.wsUrl}/ws`, {
      headers: { origin: orbit.origin, cookie: phone.person.cookieHeader },
      perMessageDeflate: false,
    });
    this.#socket.on('message', (data: Buffer) => this.#take(data));
    this.#socket.on('close', () => {
      this.seen.closed++;
      this.#isOver();
    });
  }

  close(): void {
    this.#socket.close();
  }

  #send(header: Header, ...bodies: Uint8Array[]): void {
    this.#socket.send(encodeTextFrame(header, bodies));
  }

  #take(data: Buffer): void {
    const now = process.hrtime.bigint();
    const { header, bodies } = decodeFrame(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const { mac } = this.#phone.world;
    if (header.hello) void this.#greet();
    else if (header.receipt && header.trace === 'attach')
      this.#send({ mac, trace: 'follow', subscribe: { stream: 'light', thread: this.#thread } });
    else if (header.subscribed) this.#isReady();
    else if (header.presence && !JSON.stringify(header.presence).includes('true')) this.seen.offline++;
    if (!header.events) return;
    this.seen.events += header.events.events?.length ?? 0;
    this.#unacked += data.byteLength;
    const first = Buffer.from(
      bodies[0]?.buffer ?? data.buffer,
      bodies[0]?.byteOffset ?? 0,
      bodies[0]?.byteLength ?? 0,
    );
    const at = first.indexOf(DELTA);
    if (at >= 0) {
      const [, sentNs = '0'] = first
        .subarray(at + DELTA.length, at + DELTA.length + 60)
        .toString('latin1')
        .split(' ');
      this.seen.firstUs.push(Number(now - BigInt(sentNs)) / 1000);
    }
    const last = Buffer.from(bodies.at(-1)!.buffer, bodies.at(-1)!.byteOffset, bodies.at(-1)!.byteLength);
    const over = last.includes('"turn/completed"');
    if (this.#unacked >= ACK_BYTES || over) {
      this.#unacked = 0;
      this.#send({ mac, ack: { stream: 'light', seq: String(header.events.events?.at(-1)?.seq ?? 0) } });
    }
    if (over && this.seen.firstUs.length > 0) this.#isOver();
  }

  async #greet(): Promise<void> {
    this.#send({
      hello: { part: 'client', protocolMin: PROTOCOL_MIN, protocolMax: PROTOCOL_MAX, release: 'bench' },
    });
    const { body, signature } = await this.#phone.signed('zane/attach', {
      protocol: { min: 1, max: 1 },
      release: 'bench',
    });
    this.#send(
      { mac: this.#phone.world.mac, trace: 'attach', command: { device: this.#phone.device.id, signature } },
      body,
    );
  }
}
