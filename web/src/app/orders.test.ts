// What becomes of an order that came too late: a steer begins one new turn, however often
// the page is closed in between, and a stop has nothing left to stop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Commands } from '../link/commands.ts';
import type { Entry } from '../link/outbox.ts';
import { Outbox } from '../link/outbox.ts';
import { fromUtf8, makeDeviceKey } from '../link/signed.ts';
import { memoryStore } from '../link/store.ts';
import type { Store } from '../link/store.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { insteadOf } from './late-orders.ts';
import { PROMPT_BYTES_MAX, tooLong } from './orders.ts';

const late = { reason: 'codex', result: { code: -32600, message: 'no active turn to steer' } };
const over = { reason: 'codex', result: { code: -32600, message: 'no active turn to interrupt' } };
const order = (mac: FakeMac, kind: 'steer' | 'stop') => ({
  mac: mac.id,
  method: kind === 'steer' ? 'turn/steer' : 'turn/interrupt',
  params: { threadId: 't', expectedTurnId: 'u', turnId: 'u' },
  now: 1,
  keep: 'disk' as const,
  purpose:
    kind === 'steer'
      ? { kind: 'prompt' as const, thread: 't', text: 'turn left', steer: true }
      : { kind: 'stop' as const, thread: 't', turn: 'u' },
});

async function page(store: Store, mac: FakeMac, device = makeDeviceKey()) {
  const sent: { id: string; method: string; params: Record<string, unknown>; bytes: Uint8Array }[] = [];
  const commands = new Commands({
    clock: new FakeClock(),
    device: await device,
    macKey: () => mac.publicKey,
    ready: () => true,
    send: (_header, bodies) => {
      const bytes = bodies[0] as Uint8Array;
      sent.push({ ...JSON.parse(fromUtf8(bytes)), bytes });
      return true;
    },
  });
  let entries: readonly Entry[] = [];
  const outbox = new Outbox(
    store,
    commands,
    (next) => {
      entries = next;
    },
    insteadOf,
  );
  const answer = async (id: string, bytes: Uint8Array, state: string, more = {}): Promise<void> => {
    const receipt = await mac.receipt(id, bytes, state, more);
    await commands.receipt(receipt.header, receipt.bodies);
  };
  return { sent, outbox, answer, entries: () => entries };
}

test('a steer that came too late begins one new turn with the same words', async () => {
  const [store, mac] = [memoryStore(true), await FakeMac.make()];
  const now = await page(store, mac);
  const steer = await now.outbox.add(order(mac, 'steer'));
  await now.answer(steer.id, steer.prepared.bytes, 'failed', late);
  await until(() => now.sent.length === 2);
  const [entry] = now.entries();
  assert.equal(now.sent[1]?.method, 'turn/start');
  assert.equal(now.sent[1]?.params['clientUserMessageId'], entry?.id);
  assert.deepEqual(now.sent[1]?.params['input'], [{ type: 'text', text: 'turn left', text_elements: [] }]);
  assert.deepEqual([now.entries().length, entry?.state], [1, 'sent']);
  assert.equal((await store.all('outbox')).length, 1);
  await now.answer(entry!.id, entry!.prepared.bytes, 'failed', late);
  await until(() => now.entries()[0]?.state === 'failed');
  assert.equal(now.sent.length, 2, 'that one failing is a failure');
});

test('closed between the two, the page begins that one turn and no other', async () => {
  const [mac, device] = [await FakeMac.make(), makeDeviceKey()];
  const store = memoryStore(true);
  const cut: Store = { ...store, remove: () => new Promise(() => undefined) };
  const first = await page(cut, mac, device);
  const steer = await first.outbox.add(order(mac, 'steer'));
  await first.answer(steer.id, steer.prepared.bytes, 'failed', late);
  await until(() => first.entries()[0]?.id !== steer.id);
  assert.equal((await store.all('outbox')).length, 2);
  const second = await page(store, mac, device);
  await second.outbox.load();
  await second.answer(steer.id, steer.prepared.bytes, 'failed', late);
  await until(() => second.entries().length === 1);
  const started = second.sent.filter(({ method }) => method === 'turn/start');
  assert.equal(started.length, 1);
  assert.equal(started[0]?.id, first.entries()[0]?.id);
  assert.deepEqual(
    second.entries().map(({ id }) => id),
    [started[0]?.id],
  );
});

test('a stop that came too late has nothing left to do; what was refused for another reason says so', async () => {
  const [store, mac] = [memoryStore(true), await FakeMac.make()];
  const now = await page(store, mac);
  const stop = await now.outbox.add(order(mac, 'stop'));
  await now.answer(stop.id, stop.prepared.bytes, 'failed', over);
  await until(() => now.entries()[0]?.state === 'done');
  assert.deepEqual(await store.all('outbox'), []);
  const refused = await now.outbox.add(order(mac, 'steer'));
  await now.answer(refused.id, refused.prepared.bytes, 'refused', { reason: 'role' });
  await until(() => now.entries().at(-1)?.state === 'refused');
  assert.equal(now.sent.length, 2);
  const busy = { reason: 'codex', result: { code: -32600, message: 'cannot steer a review turn' } };
  for (const kind of ['steer', 'stop'] as const) {
    const entry = await now.outbox.add(order(mac, kind));
    await now.answer(entry.id, entry.prepared.bytes, 'failed', busy);
    await until(() => now.entries().at(-1)?.state === 'failed');
  }
  assert.equal(now.sent.length, 4, 'what runs goes on, and nothing is begun beside it');
});

test("the turn that takes a steer's place has the same bytes in every tab, and no longer life", async () => {
  const [mac, device] = [await FakeMac.make(), makeDeviceKey()];
  const store = memoryStore(true);
  const first = await page(store, mac, device);
  const steer = await first.outbox.add(order(mac, 'steer'));
  const row = (await store.all('outbox'))[0];
  const copy = memoryStore(true);
  await copy.put('outbox', steer.id, row);
  const other = await page(copy, mac, device);
  await other.outbox.load();
  for (const tab of [first, other]) {
    await tab.answer(steer.id, steer.prepared.bytes, 'failed', late);
    await until(() => tab.sent.at(-1)?.method === 'turn/start');
  }
  assert.deepEqual(first.sent.at(-1)?.bytes, other.sent.at(-1)?.bytes);
  assert.equal(first.entries()[0]?.prepared.expiresAt, steer.prepared.expiresAt);
});

test('what is too long is said before it is sent, by how much; what is told as short enough is', async () => {
  const device = await makeDeviceKey();
  const commands = new Commands({
    clock: new FakeClock(),
    device,
    macKey: () => undefined,
    ready: () => false,
    send: () => false,
  });
  const fits = async (text: string): Promise<boolean> =>
    commands
      .prepare('m'.repeat(43), 'turn/steer', { threadId: 't'.repeat(64), input: [{ text }] }, 1)
      .then(() => true)
      .catch(() => false);
  for (const [text, short] of [
    ['字'.repeat(60_000), true],
    ['x'.repeat(200 * 1024), true],
    ['\n'.repeat(200 * 1024), false],
    ['\u0001'.repeat(50_000), false],
    ['x'.repeat(PROMPT_BYTES_MAX - 2), true],
    ['x'.repeat(PROMPT_BYTES_MAX - 1), false],
    ['😀'.repeat(PROMPT_BYTES_MAX / 4), false],
  ] as const) {
    assert.equal(tooLong(text) === '', short, `${text.slice(0, 2)} × ${text.length}`);
    if (short) assert.equal(await fits(text), true);
  }
  assert.match(tooLong('x'.repeat(PROMPT_BYTES_MAX + 5000)), /Too long by 5 KB/);
});
