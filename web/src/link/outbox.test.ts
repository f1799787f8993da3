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
  const line = { up: true };
  const commands = new Commands({
    clock,
    device,
    macKey: () => mac.publicKey,
    ready: () => true,
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
    store: memoryStore(),
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
