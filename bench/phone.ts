// The phone's end of a measured journey, in a process of its own: enrols,
// follows a thread as the page does (web/src/link/streams.ts, acks and all),
// starts the flood and tells the delays. Speaks with journey.ts over IPC.
import { WebSocket } from 'ws';
import { OrbitProcess } from '../orbit/tool/orbit-process.ts';
import { decodeFrame, encodeTextFrame, PROTOCOL_MAX, PROTOCOL_MIN } from '../proto/ts/link.ts';
import type { Frame, Header } from '../proto/ts/link.ts';
import { Follow } from '../tests/harness/follow.ts';
import type { Followed } from '../tests/harness/follow.ts';
import { NodePhone } from '../tests/harness/node-phone.ts';
import { systemClock } from '../web/src/link/clock.ts';
import { Streams } from '../web/src/link/streams.ts';
import type { RawEvent } from '../web/src/link/streams.ts';
import { Delays } from './delays.ts';
import { LightPage } from './light_page.ts';
import type { Delayed } from './delays.ts';

export interface PhoneStart {
  port: number;
  origin: string;
  stateDir: string;
  mac: string;
  link: string;
  cwd: string;
}
export type Order =
  | { start: PhoneStart }
  | { flood: string }
  | { open: true }
  | { phones: number; flood: string }
  | { approvals: number };
/** Of many pages: deltas that came, the delays of each frame's first, links that were cut. */
export interface Many {
  phones: number;
  events: number;
  p50Us: number;
  p99Us: number;
  cut: number;
}
/** From the tap on a button until Codex has the answer. */
export interface Tapped {
  count: number;
  p50Us: number;
  p99Us: number;
}
export type Word =
  | { ready: string }
  | { measured: Delayed }
  | { opened: number }
  | { many: Many }
  | { tapped: Tapped }
  | { failed: string };

const TRACE = 'attach';

/** One WebSocket to Orbit that is attached to the Mac, with its streams. */
class Page {
  readonly streams: Streams;
  readonly arrivedNs = new Map<number, bigint>();
  readonly attached: Promise<void>;
  readonly #phone: NodePhone;
  readonly #socket: WebSocket;
  readonly #attach: () => void;
  #over = false;

  constructor(phone: NodePhone) {
    this.#phone = phone;
    const { orbit, mac } = phone.world;
    this.#socket = new WebSocket(`${orbit.wsUrl}/ws`, {
      headers: { origin: orbit.origin, cookie: phone.person.cookieHeader },
    });
    this.#socket.on('message', (data: Buffer) =>
      this.#take(process.hrtime.bigint(), decodeFrame(new Uint8Array(data))),
    );
    this.#socket.on('close', (code) => {
      if (!this.#over) fail(`the socket closed with ${code}`);
    });
    let attached = (): void => {};
    this.attached = new Promise((done) => {
      attached = done;
    });
    this.#attach = attached;
    this.streams = new Streams({
      clock: systemClock,
      send: (header) => this.#send(header),
      ready: () => true,
      mac: () => mac,
      failed: fail,
    });
  }

  close(): void {
    this.#over = true;
    this.#socket.close();
  }

  #send(header: Header, ...bodies: Uint8Array[]): boolean {
    this.#socket.send(encodeTextFrame(header, bodies));
    return true;
  }

  #take(nowNs: bigint, frame: Frame): void {
    const { header } = frame;
    if (header.hello) void this.#greet().catch(fail);
    else if (header.receipt && header.trace === TRACE) this.#attach();
    else if (header.events)
      for (const event of header.events.events ?? []) this.arrivedNs.set(Number(event.seq), nowNs);
    this.streams.frame(frame);
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
      { mac: this.#phone.world.mac, trace: TRACE, command: { device: this.#phone.device.id, signature } },
      body,
    );
  }
}

function tell(word: Word): void {
  process.send!(word);
}

function fail(error: unknown): void {
  tell({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

let phone: NodePhone;
let thread = '';
let delays = new Delays();

async function begin(start: PhoneStart): Promise<void> {
  // Never started here: only its addresses are used.
  const orbit = new OrbitProcess(start.port, {
    stateDir: start.stateDir,
    env: { ORBIT_ORIGIN: start.origin, ORBIT_SECRET: 'unused' },
  });
  phone = await NodePhone.enrol({ orbit, mac: start.mac, link: () => Promise.resolve(start.link) }, 'bench');
  const made = await phone.call('zane/task/start', { cwd: start.cwd, prompt: 'say: the thread is there' });
  if (made.state !== 'done') throw new Error(`no thread: ${made.reason} ${made.message}`);
  thread = made.result.thread;
  const page = new Page(phone);
  await page.attached;
  await new Promise<void>((done) =>
    page.streams.open(thread, {
      reset: () => {},
      apply: (_epoch, events) => apply(page, events),
      atHead: (at) => {
        if (at) done();
      },
    }),
  );
  tell({ ready: thread });
}

function apply(page: Page, events: readonly RawEvent[]): void {
  for (const event of events) {
    const seen = delays.take(
      Buffer.from(event.bodies[0]!).toString('latin1'),
      page.arrivedNs.get(event.seq) ?? 0n,
    );
    page.arrivedNs.delete(event.seq);
    if (seen !== 'end') continue;
    tell({ measured: delays.summary() });
    delays = new Delays();
  }
}

async function flood(prompt: string): Promise<void> {
  const begun = await phone.call('turn/start', { threadId: thread, input: [{ type: 'text', text: prompt }] });
  if (begun.state !== 'done') throw new Error(`the flood was not started: ${begun.reason} ${begun.message}`);
}

/** A page that comes to a thread whose turn has been long: until it stands at the journal's head. */
async function open(): Promise<void> {
  const page = new Page(phone);
  await page.attached;
  const began = performance.now();
  await new Promise<void>((done) =>
    page.streams.open(thread, {
      reset: () => {},
      apply: () => {},
      atHead: (head) => {
        if (head) done();
      },
    }),
  );
  tell({ opened: performance.now() - began });
  page.close();
}

async function manyPhones(count: number, prompt: string): Promise<void> {
  // A page begins with the latest turn: not with the long one of before.
  await flood('say: the thread is quiet');
  const pages = Array.from({ length: count }, () => new LightPage(phone, thread));
  await Promise.all(pages.map((page) => page.ready));
  await flood(prompt);
  await Promise.all(pages.map((page) => page.ended));
  const us = pages.flatMap((page) => page.seen.firstUs).sort((a, b) => a - b);
  const sum = (of: (page: LightPage) => number): number => pages.reduce((all, page) => all + of(page), 0);
  tell({
    many: {
      phones: count,
      events: sum((page) => page.seen.events),
      p50Us: at(us, 0.5),
      p99Us: at(us, 0.99),
      cut: sum((page) => page.seen.offline + page.seen.closed),
    },
  });
  for (const page of pages) page.close();
}

/** One after the other: asked, shown, tapped. */
async function approvals(count: number): Promise<void> {
  await phone.reconnect();
  const follow = await Follow.open(phone, 'approvals', thread);
  const us: number[] = [];
  for (let n = 0; n < count; n++) {
    const from = follow.events.length;
    await flood('approve command');
    const fresh = (event: Followed): boolean => follow.events.indexOf(event) >= from;
    const opened = await follow.find(
      (event) => fresh(event) && event.kind === 'approval' && said(event).state === 'open',
    );
    const { approval, digest } = said(opened);
    const tapped = process.hrtime.bigint();
    const decided = await phone.call('zane/approval/decide', { approval, digest, choice: 'accept' });
    if (decided.state !== 'done') throw new Error(`not decided: ${decided.reason} ${decided.message}`);
    const resolved = await follow.find(
      (event) => fresh(event) && event.raw.includes('"serverRequest/resolved"'),
    );
    us.push(Number(BigInt(/"steadyNs":(\d+)/.exec(resolved.raw.toString())![1]!) - tapped) / 1000);
    await follow.find((event) => fresh(event) && event.raw.includes('"turn/completed"'));
  }
  us.sort((a, b) => a - b);
  tell({ tapped: { count, p50Us: at(us, 0.5), p99Us: at(us, 0.99) } });
}

function said(event: Followed): any {
  return JSON.parse(event.raw.toString());
}

function obey(order: Order): Promise<void> {
  if ('start' in order) return begin(order.start);
  if ('open' in order) return open();
  if ('phones' in order) return manyPhones(order.phones, order.flood);
  if ('approvals' in order) return approvals(order.approvals);
  return flood(order.flood);
}

process.on('message', (order: Order) => {
  obey(order).catch(fail);
});
process.once('disconnect', () => process.exit(0));
