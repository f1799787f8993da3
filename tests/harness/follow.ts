// A NodePhone's stream of events: subscribed, acknowledged, and asked for the
// event that a test waits for. The client's own code for this is
// web/src/link/streams.ts; this one hides nothing and repairs nothing.
import type { NodePhone } from './node-phone.ts';

export interface Followed {
  seq: number;
  kind: string;
  raw: Buffer;
  bodies: readonly Uint8Array[];
}

export class Follow {
  readonly events: Followed[] = [];
  readonly #phone: NodePhone;
  readonly #name: string;

  private constructor(phone: NodePhone, name: string) {
    this.#phone = phone;
    this.#name = name;
  }

  /** Of one thread, or of the list level. */
  static async open(phone: NodePhone, name: string, thread?: string): Promise<Follow> {
    const { mac } = phone.world;
    phone.line.send({ mac, trace: name, subscribe: { stream: name, ...(thread ? { thread } : {}) } });
    await phone.line.next('subscribed', (header) => header.trace === name);
    return new Follow(phone, name);
  }

  /** The first event that fits, among those that came and those to come. */
  async find(fits: (event: Followed) => boolean): Promise<Followed> {
    for (let at = 0; ; at++) {
      while (at >= this.events.length) await this.#more();
      if (fits(this.events[at]!)) return this.events[at]!;
    }
  }

  /** The step of an approval in this state. */
  async step(approval: string, state: string): Promise<any> {
    const found = await this.find(
      (event) =>
        event.kind === 'approval' && said(event).approval === approval && said(event).state === state,
    );
    return said(found);
  }

  async #more(): Promise<void> {
    const { header, bodies } = await this.#phone.line.next('events', (h) => h.events?.stream === this.#name);
    let at = 0;
    for (const { seq, kind = '', bodies: count = 1 } of header.events?.events ?? []) {
      this.events.push({
        seq: Number(seq),
        kind,
        raw: Buffer.from(bodies[at]!),
        bodies: bodies.slice(at, at + count),
      });
      at += count;
    }
    this.#phone.line.send({
      mac: this.#phone.world.mac,
      ack: { stream: this.#name, seq: String(this.events.at(-1)?.seq ?? 0) },
    });
  }
}

function said(event: Followed): any {
  return JSON.parse(event.raw.toString());
}
