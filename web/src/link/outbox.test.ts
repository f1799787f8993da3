// The outbox over an injected store: on disk before the network, the same bytes
// after a reload, gone after the final receipt.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { Commands } from './commands.ts';
import { Outbox, OUTBOX_ENTRIES_MAX } from './outbox.ts';
import type { Entry, Order } from './outbox.ts';
import { makeDeviceKey } from './signed.ts';
import type { DeviceKey } from './signed.ts';
import { memoryStore } from './store.ts';
import type { Store } from './store.ts';

function page(store: Store, device: DeviceKey, mac: FakeMac, clock: FakeClock) {
  const sent: Uint8Array[] = [];
  const line = { up: true, ready: true };
  const commands = new Commands({
    clock,
    device,
    macKey: () => mac.publicKey,
    ready: () => line.ready,
    send: (_header, bodies) => {
      if (line.up) sent.push(bodies[0] as Uint8Array);
      return line.up;
    },
  });
  let entries: readonly Entry[] = [];
  const outbox = new Outbox(store, commands, (next) => {
    entries = next;
  });
  return { sent, line, commands, outbox, entries: () => entries };
}

const prompt = (mac: FakeMac, keep: 'disk' | 'memory' = 'disk'): Order => ({
  mac: mac.id,
  method: 'turn/start',
  params: { threadId: 't', input: [] },
  now: 1,
  keep,
  purpose: { kind: 'prompt', thread: 't', text: 'hello', steer: false },
});

async function setting() {
  return {
    store: memoryStore(true),
    device: await makeDeviceKey(),
    mac: await FakeMac.make(),
    clock: new FakeClock(),
  };
}

test('a prompt is on disk before it is sent, and gone after the final receipt', async () => {
  const { store, device, mac, clock } = await setting();
  const before: number[] = [];
  const slow: Store = {
    ...store,
    put: async (...put) => {
      before.push(now.sent.length);
      await store.put(...put);
    },
  };
  const now = page(slow, device, mac, clock);
  const entry = await now.outbox.add(prompt(mac));
  assert.deepEqual(before, [0]);
  assert.equal(now.sent.length, 1);
  const done = await mac.receipt(entry.id, entry.prepared.bytes, 'done', { result: {} });
  await now.commands.receipt(done.header, done.bodies);
  await until(() => now.entries()[0]?.state === 'done');
  assert.deepEqual(await store.all('outbox'), []);
});

test('a reload resends the same id and bytes', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  first.line.up = false;
  const entry = await first.outbox.add(prompt(mac));
  const second = page(store, device, mac, clock);
  await second.outbox.load();
  assert.deepEqual(second.sent, [entry.prepared.bytes]);
  assert.equal(second.entries()[0]?.id, entry.id);
  assert.equal(second.entries()[0]?.state, 'sent');
});

test('what failed stays to be read, is not sent again, and can be dismissed', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  const entry = await first.outbox.add(prompt(mac));
  const failed = await mac.receipt(entry.id, entry.prepared.bytes, 'failed', {
    result: { code: -1, message: 'no such thread' },
  });
  await first.commands.receipt(failed.header, failed.bodies);
  await until(() => first.entries()[0]?.state === 'failed');
  const second = page(store, device, mac, clock);
  await second.outbox.load();
  assert.equal(second.sent.length, 0);
  assert.equal(second.entries()[0]?.message, 'no such thread');
  await second.outbox.dismiss(entry.id);
  assert.deepEqual(await store.all('outbox'), []);
});

test('an answer that holds a secret is never written down', async () => {
  const { store, device, mac, clock } = await setting();
  const now = page(store, device, mac, clock);
  const entry = await now.outbox.add(prompt(mac, 'memory'));
  const refused = await mac.receipt(entry.id, entry.prepared.bytes, 'refused', { reason: 'closed' });
  await now.commands.receipt(refused.header, refused.bodies);
  await until(() => now.entries()[0]?.state === 'refused');
  assert.deepEqual(await store.all('outbox'), []);
});

test('a row that is not an entry is passed over', async () => {
  const { store, device, mac, clock } = await setting();
  await store.put('outbox', 'x', { id: 'x' });
  const now = page(store, device, mac, clock);
  await now.outbox.load();
  assert.deepEqual(now.entries(), []);
});

test('the bound counts what is not done, and done ones do not pile up', async () => {
  const { store, device, mac, clock } = await setting();
  const now = page(store, device, mac, clock);
  for (let n = 0; n < OUTBOX_ENTRIES_MAX + 10; n++) {
    const entry = await now.outbox.add(prompt(mac));
    const done = await mac.receipt(entry.id, entry.prepared.bytes, 'done', { result: {} });
    await now.commands.receipt(done.header, done.bodies);
  }
  assert.ok(now.entries().length < 30);
  now.line.up = false;
  for (let n = 0; n < OUTBOX_ENTRIES_MAX; n++) await now.outbox.add(prompt(mac));
  await assert.rejects(now.outbox.add(prompt(mac)), /the outbox is full/);
});

test('a failed answer is forgotten by a reload, its words were not typed', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  const entry = await first.outbox.add({
    ...prompt(mac),
    purpose: { kind: 'decision', approval: 'a', choice: 'accept', label: 'Allow once' },
  });
  const refused = await mac.receipt(entry.id, entry.prepared.bytes, 'refused', { reason: 'closed' });
  await first.commands.receipt(refused.header, refused.bodies);
  await until(() => first.entries()[0]?.state === 'refused');
  await page(store, device, mac, clock).outbox.load();
  assert.deepEqual(await store.all('outbox'), []);
});

test('what never left can be taken back, for good', async () => {
  const { store, device, mac, clock } = await setting();
  const now = page(store, device, mac, clock);
  now.line.ready = false;
  const entry = await now.outbox.add(prompt(mac));
  assert.equal(now.entries()[0]?.left, false);
  assert.equal((await now.outbox.takeBack(entry.id))?.id, entry.id);
  assert.deepEqual(now.entries(), []);
  now.line.ready = true;
  await now.outbox.leaving(mac.id);
  now.commands.resendAll(mac.id);
  const after = page(store, device, mac, clock);
  await after.outbox.load();
  assert.deepEqual([...now.sent, ...after.sent], []);
});

test('what may have left is not taken back, from whichever page and after whichever reload', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  const second = page(store, device, mac, clock);
  first.line.ready = second.line.ready = false;
  const entry = await first.outbox.add(prompt(mac));
  await second.outbox.load();
  second.line.ready = true;
  await second.outbox.leaving(mac.id);
  second.commands.resendAll(mac.id);
  assert.equal(second.sent.length, 1);
  assert.equal(await second.outbox.takeBack(entry.id), undefined);
  assert.equal(first.entries()[0]?.left, false, 'the first page does not know yet');
  assert.equal(await first.outbox.takeBack(entry.id), undefined);
  assert.equal(first.entries()[0]?.left, true);
  const third = page(store, device, mac, clock);
  third.line.ready = false;
  await third.outbox.load();
  assert.equal(await third.outbox.takeBack(entry.id), undefined);
  assert.equal((await store.all('outbox')).length, 1);
});

test('what one page has taken back another one does not send', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  const second = page(store, device, mac, clock);
  first.line.ready = second.line.ready = false;
  const entry = await first.outbox.add(prompt(mac));
  await second.outbox.load();
  assert.ok(await first.outbox.takeBack(entry.id));
  second.line.ready = true;
  await second.outbox.leaving(mac.id);
  second.commands.resendAll(mac.id);
  assert.deepEqual(second.sent, []);
  assert.deepEqual(second.entries(), []);
});

test('that it may have left is on the disk before it leaves', async () => {
  const { store, device, mac, clock } = await setting();
  const sentAt: number[] = [];
  const slow: Store = {
    ...store,
    put: async (table, key, value) => {
      if ((value as Entry).left) sentAt.push(now.sent.length);
      await store.put(table, key, value);
    },
    update: async (table, key, change) => {
      sentAt.push(now.sent.length);
      return store.update(table, key, change);
    },
  };
  const now = page(slow, device, mac, clock);
  await now.outbox.add(prompt(mac));
  now.line.ready = false;
  const adding = now.outbox.add(prompt(mac));
  // The Mac comes back while it is being written down.
  now.line.ready = true;
  await adding;
  assert.equal(now.sent.length, 2);
  assert.deepEqual(sentAt, [0, 1]);
});

test('a disk that is full keeps nobody from sending, and takes nothing without saying so', async () => {
  const { store, device, mac, clock } = await setting();
  const full = { now: false };
  const fail = async (): Promise<never> => Promise.reject(new Error('full'));
  const disk: Store = {
    ...store,
    put: (...put) => (full.now ? fail() : store.put(...put)),
    update: (...update) => (full.now ? fail() : store.update(...update)),
  };
  const now = page(disk, device, mac, clock);
  now.line.ready = false;
  await now.outbox.add(prompt(mac));
  full.now = now.line.ready = true;
  await now.outbox.leaving(mac.id);
  now.commands.resendAll(mac.id);
  assert.equal(now.sent.length, 1);
  await assert.rejects(now.outbox.add(prompt(mac)), /full/);
  assert.equal(now.entries().length, 1);
});

test('where nothing outlives the page it does not say so, and a decision lives shorter than a prompt', async () => {
  const { device, mac, clock } = await setting();
  const now = page(memoryStore(), device, mac, clock);
  const words = await now.outbox.add(prompt(mac));
  assert.equal(words.kept, false);
  const decision = await now.outbox.add({
    ...prompt(mac),
    purpose: { kind: 'decision', approval: 'a', choice: 'accept', label: 'Allow once' },
  });
  const minutes = ({ prepared }: Entry): number => (prepared.expiresAt - clock.now()) / 60_000;
  assert.equal(minutes(words), 12 * 60);
  assert.equal(minutes(decision), 30);
});

test('a Mac that comes back while an order is written down: that it may leave is written too', async () => {
  const { store, device, mac, clock } = await setting();
  const slow: Store = {
    ...store,
    put: async (...put) => {
      await store.put(...put);
      now.line.ready = true;
    },
  };
  const now = page(slow, device, mac, clock);
  now.line.ready = false;
  await now.outbox.add(prompt(mac));
  assert.equal(now.sent.length, 1);
  assert.equal(now.entries()[0]?.left, true);
  assert.equal(((await store.all('outbox'))[0] as Entry).left, true);
});

test('of an order that an older app wrote down nobody knows whether it left', async () => {
  const { store, device, mac, clock } = await setting();
  const first = page(store, device, mac, clock);
  first.line.ready = false;
  const { left: _, ...entry } = await first.outbox.add(prompt(mac));
  await store.put('outbox', entry.id, entry);
  const second = page(store, device, mac, clock);
  second.line.ready = false;
  await second.outbox.load();
  assert.equal(await second.outbox.takeBack(entry.id), undefined);
  assert.equal(second.entries().length, 1);
});
