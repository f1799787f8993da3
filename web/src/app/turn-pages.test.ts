// However heavy a thread is, its newest turns come; and what could not come is said.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallError } from '../link/commands.ts';
import { readPage } from '../model/history.ts';
import { obj } from '../model/read.ts';
import type { Fields } from '../model/read.ts';
import { readTurns } from './turn-pages.ts';

const LINK_MAX = 1_000;
interface Item {
  id: string;
  size: number;
}

/** A Mac whose answers may have so many "bytes" and no more. */
function mac(turns: readonly { id: string; items: readonly Item[] }[]) {
  const asked: string[] = [];
  const size = (items: readonly Item[]): number => items.reduce((sum, item) => sum + item.size, 0);
  const raw = (item: Item, light: boolean): Fields => ({
    type: 'commandExecution',
    id: item.id,
    command: 'c',
    status: 'completed',
    aggregatedOutput: light ? '' : 'x',
  });
  const call = async (method: string, params: Fields): Promise<unknown> => {
    const limit = Number(params['limit']);
    const from = Number(params['cursor'] ?? 0);
    asked.push(`${method.split('/')[1]} ${limit}${params['deferOutput'] ? ' light' : ''}`);
    const fit = (bytes: number): void => {
      if (bytes > LINK_MAX) throw new CallError('too-large', 'the answer is longer than 1 MiB');
    };
    if (method === 'thread/turns/list') {
      const page = [...turns].reverse().slice(from, from + limit);
      const full = params['itemsView'] === 'full';
      if (full) fit(page.reduce((sum, turn) => sum + size(turn.items), 0));
      return {
        data: page.map(({ id, items }) => ({
          id,
          status: 'completed',
          itemsView: params['itemsView'],
          items: full ? items.map((item) => raw(item, false)) : [],
        })),
        nextCursor: from + limit < turns.length ? String(from + limit) : null,
      };
    }
    const light = obj(params['deferOutput'])['commandExecution'] === true;
    const { items } = turns.find(({ id }) => id === params['turnId'])!;
    const page = [...items].reverse().slice(from, from + limit);
    fit(size(page) / (light ? 100 : 1));
    return {
      data: page.map((item) => ({ turnId: params['turnId'], item: raw(item, light) })),
      nextCursor: from + limit < items.length ? String(from + limit) : null,
    };
  };
  return { call, asked };
}
const turn = (id: string, ...sizes: number[]) => ({
  id,
  items: sizes.map((size, n) => ({ id: `${id}-${n}`, size })),
});
const shown = (result: unknown): string[] =>
  readPage(result).turns.map(
    ({ id, items }) => `${id}: ${items.map((item) => item.id.split('-')[1]).join(' ')}`,
  );

test('light turns come in one answer', async () => {
  const { call, asked } = mac([turn('a', 10), turn('b', 10, 10)]);
  assert.deepEqual(shown(await readTurns(call, 't', '')), ['a: 0', 'b: 0 1']);
  assert.deepEqual(asked, ['turns 8']);
});

test('heavier ones come fewer at a time, and the rest is asked for from there', async () => {
  const { call, asked } = mac(Array.from({ length: 8 }, (_, n) => turn(`t${n}`, 400)));
  const page = await readTurns(call, 't', '');
  assert.deepEqual(shown(page), ['t6: 0', 't7: 0']);
  assert.deepEqual(asked, ['turns 8', 'turns 4', 'turns 2']);
  assert.deepEqual(shown(await readTurns(call, 't', readPage(page).older)), ['t4: 0', 't5: 0']);
});

test('a turn that is too heavy by itself comes item by item, whole', async () => {
  const sizes = [300, 300, 900, 300, 300, 300];
  const { call } = mac([turn('a', 1), turn('heavy', ...sizes)]);
  const page = await readTurns(call, 't', '');
  assert.deepEqual(shown(page), ['heavy: 0 1 2 3 4 5']);
  assert.equal(readPage(page).turns[0]?.whole, true);
  assert.equal(readPage(page).older, '1');
});

test('an item that no answer can carry comes without its output, or ends what is shown, and it is said', async () => {
  const light = await readTurns(mac([turn('a', 10, 5_000, 10)]).call, 't', '');
  assert.deepEqual(shown(light), ['a: 0 1 2']);
  const none = readPage(await readTurns(mac([turn('a', 10, 5_000_000, 10)]).call, 't', '')).turns[0];
  assert.deepEqual([none?.items.map((item) => item.id), none?.whole], [['a-2'], false]);
  assert.match(none?.notes[0]?.text ?? '', /on your Mac/);
});

test('another failure is that failure', async () => {
  await assert.rejects(
    readTurns(
      async () => {
        throw new CallError('codex-down', 'no Codex');
      },
      't',
      '',
    ),
    /no Codex/,
  );
  assert.deepEqual(obj(await readTurns(async () => ({ data: [] }), 't', '')), { data: [] });
});
