// The connection loop with a fake wire and clock: hello, heartbeat, backoff, and
// the states that must never become a retry loop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTextFrame } from '../../../proto/ts/link.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { LinkSocket, PING_EVERY_MS, PONG_WITHIN_MS, PROBE_WITHIN_MS } from './socket.ts';
import type { Admission, LinkState, WireSocket } from './socket.ts';

class FakeWire implements WireSocket {
  binaryType: BinaryType = 'blob';
  readyState = 0;
  readonly sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  send(data: string): void {
    this.sent.push(data);
  }
  close(): void {
    this.readyState = 3;
  }
  hello(min = 1, max = 1): void {
    this.readyState = 1;
    this.onopen?.();
    this.onmessage?.({
      data: encodeTextFrame({
        hello: { part: 'orbit', protocolMin: min, protocolMax: max, release: '0.1.0', client: 'c' },
      }),
    });
  }
  fail(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code, reason: '' });
  }
}

function world(admissions: Admission[] = []) {
  const clock = new FakeClock();
  const wires: FakeWire[] = [];
  const states: LinkState[] = [];
  const asked: string[] = [];
  const frames: unknown[] = [];
  const socket = new LinkSocket({
    clock,
    connect: () => {
      const wire = new FakeWire();
      wires.push(wire);
      return wire;
    },
    admit: async (doubt) => {
      asked.push(doubt);
      return admissions.shift() ?? 'ok';
    },
    onFrame: (frame) => frames.push(frame),
    onOpen: () => undefined,
    onState: (state) => states.push(state),
    onProof: () => undefined,
  });
  const wire = async (n: number): Promise<FakeWire> => {
    await until(() => wires.length >= n);
    return wires[n - 1] as FakeWire;
  };
  return { clock, wires, states, asked, frames, socket, wire };
}

test('hello is exchanged before anything else is heard', async () => {
  const { socket, wire, frames, states } = world();
  socket.start();
  const first = await wire(1);
  first.readyState = 1;
  first.onopen?.();
  first.onmessage?.({ data: encodeTextFrame({ presence: {} }) });
  assert.equal(frames.length, 0);
  assert.match(first.sent[0] ?? '', /"part":"client"/);
  first.hello();
  assert.equal(states.at(-1)?.phase, 'open');
  first.onmessage?.({ data: encodeTextFrame({ presence: {} }) });
  first.onmessage?.({ data: 'nonsense' });
  assert.equal(frames.length, 1);
  assert.equal(socket.badFrames, 1);
});

test('a missing pong replaces the socket; a pong does not', async () => {
  const { socket, wire, clock, states } = world();
  socket.start();
  const first = await wire(1);
  first.hello();
  clock.advance(PING_EVERY_MS);
  assert.equal(first.sent.at(-1), 'ping');
  first.onmessage?.({ data: 'pong' });
  clock.advance(PONG_WITHIN_MS);
  assert.equal(states.at(-1)?.phase, 'open');
  socket.nudge();
  clock.advance(PROBE_WITHIN_MS);
  assert.equal(states.at(-1)?.phase, 'waiting');
  clock.advance(1_000);
  (await wire(2)).hello();
  assert.equal(states.at(-1)?.phase, 'open');
});

test('backoff grows with jitter, and "try now" does not wait', async () => {
  const { socket, wire, clock, states, wires } = world();
  socket.start();
  const delays: number[] = [];
  for (let n = 1; n <= 9; n++) {
    (await wire(n)).fail(1006);
    const state = states.at(-1);
    delays.push((state?.retryAtMs ?? 0) - clock.now());
    clock.advance(delays.at(-1) ?? 0);
  }
  assert.deepEqual(delays, [375, 750, 1500, 3000, 6000, 12000, 22500, 22500, 22500]);
  (await wire(10)).fail(1006);
  socket.nudge();
  await until(() => wires.length === 11);
});

test('signed out and no common version are ends, not loops', async () => {
  for (const code of [4001, 4010]) {
    const { socket, wire, clock, states, wires } = world();
    socket.start();
    const first = await wire(1);
    first.hello();
    first.fail(code);
    clock.advance(600_000);
    socket.nudge();
    assert.equal(wires.length, 1);
    assert.equal(states.at(-1)?.phase, code === 4001 ? 'signed-out' : 'update');
  }
  const { socket, wire, states } = world();
  socket.start();
  (await wire(1)).hello(2, 3);
  assert.match(states.at(-1)?.message ?? '', /this app is too old/);
});

test('a refusal at the door asks about the session before the next try', async () => {
  const { socket, wire, clock, asked, states } = world(['ok', 'signed-out']);
  socket.start();
  (await wire(1)).fail(1006);
  clock.advance(1_000);
  await until(() => states.at(-1)?.phase === 'signed-out');
  assert.deepEqual(asked, ['fresh', 'doubt']);
  assert.equal(clock.waiting, 0);
});
