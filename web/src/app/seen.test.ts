// What was last seen: written soon and seldom, bounded, gone when it is to be, and never a reason to fail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../link/store.ts';
import type { Store } from '../link/store.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { Seen, SEEN_CHARS_MAX, SEEN_ROWS_MAX } from './seen.ts';

function notes() {
  const rows = new Map<string, string>();
  return {
    getItem: (key: string) => rows.get(key) ?? null,
    setItem: (key: string, value: string) => void rows.set(key, value),
  };
}
function world(store: Store = memoryStore(true)) {
  const clock = new FakeClock();
  return { clock, store, seen: new Seen(store, clock, notes()) };
}
const rows = async (store: Store) => (await store.all('seen')).length;

test('the latest is written after a rest, and comes back with its time', async () => {
  const { clock, store, seen } = world();
  let asked = 0;
  for (let n = 1; n <= 3; n++) {
    seen.write('inbox', () => {
      asked++;
      return JSON.stringify({ n });
    });
    clock.advance(1_000);
  }
  assert.equal(await rows(store), 0);
  clock.advance(1_000);
  await seen.flush();
  await until(() => asked === 1);
  const kept = await seen.read<{ n: number }>('inbox');
  assert.deepEqual(kept?.value, { n: 3 });
  assert.ok(clock.now() - (kept?.atMs ?? 0) <= 1_000);
});

test('what changes all the time is written all the same', async () => {
  const { clock, seen } = world();
  let asked = 0;
  for (let n = 0; n < 32; n++) {
    seen.write('t', () => {
      asked++;
      return '1';
    });
    clock.advance(1_000);
  }
  await until(() => asked === 2);
});

test('the newest rows are kept, and none that is too long', async () => {
  const { clock, store, seen } = world();
  for (let n = 0; n < SEEN_ROWS_MAX + 5; n++) {
    seen.write(`t${n}`, () => `${n}`);
    await seen.flush();
    clock.advance(1);
  }
  assert.equal(await rows(store), SEEN_ROWS_MAX);
  assert.equal(await seen.read('t4'), undefined);
  assert.equal((await seen.read('t5'))?.value, 5);
  seen.write('long', () => JSON.stringify('x'.repeat(SEEN_CHARS_MAX)));
  seen.write('none', () => undefined);
  await seen.flush();
  assert.equal(await seen.read('long'), undefined);
  assert.equal(await seen.read('none'), undefined);
});

test('switched off, or cleared, nothing is there, and nothing that waited comes after it', async () => {
  const { clock, store, seen } = world();
  seen.write('a', () => '1');
  await seen.flush();
  seen.write('b', () => '2');
  await seen.clear();
  clock.advance(60_000);
  await seen.flush();
  assert.equal(await rows(store), 0);
  seen.write('a', () => '1');
  await seen.flush();
  await seen.switch(false);
  assert.equal(seen.isOn, false);
  seen.write('c', () => '3');
  clock.advance(60_000);
  await seen.flush();
  assert.equal(await rows(store), 0);
  assert.equal(await seen.read('a'), undefined);
  await seen.switch(true);
  seen.write('c', () => '3');
  await seen.flush();
  assert.equal((await seen.read('c'))?.value, 3);
});

test('odd rows and a storage that fails are as good as nothing kept', async () => {
  const { store, seen } = world();
  for (const row of [
    null,
    7,
    { name: 'a' },
    { name: 'a', text: '{', form: 1, atMs: 1 },
    { name: 'a', text: '1', form: 0, atMs: 1 },
  ]) {
    await store.put('seen', 'a', row);
    assert.equal(await seen.read('a'), undefined);
  }
  const fail = async (): Promise<never> => Promise.reject(new Error('gone'));
  const broken = world({ ...store, get: fail, all: fail, put: fail }).seen;
  assert.equal(await broken.read('a'), undefined);
  broken.write('a', () => '1');
  await broken.flush();
  await broken.clear();
});
