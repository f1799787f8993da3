// Joining what Codex tells with what was seen live.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allTurns, readPage, withHistory } from './history.ts';
import { emptyThread, reduceThread } from './thread.ts';
import type { ThreadState } from './thread.ts';
import { TURN_ITEMS_MAX } from './turns.ts';

const told = (id: string, text: string, status = 'completed') => ({
  id,
  status,
  itemsView: 'full',
  items: [{ type: 'agentMessage', id: `${id}-a`, text }],
});
const page = (...turns: unknown[]) => readPage({ data: turns, nextCursor: 'older' });

function live(whole: boolean): ThreadState {
  const events = [
    ...(whole
      ? [{ method: 'turn/started', params: { threadId: 't', turn: { id: 'u2', status: 'inProgress' } } }]
      : []),
    {
      method: 'item/agentMessage/delta',
      params: { threadId: 't', turnId: 'u2', itemId: 'u2-a', delta: 'live' },
    },
  ];
  let state = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
  events.forEach((message, at) => {
    state = reduceThread(state, { kind: 'message', epoch: 'e', seq: at + 1, message });
  });
  return state;
}
const texts = (state: ThreadState) =>
  allTurns(state).map((turn) =>
    turn.items.map((item) => (item.type === 'agent' ? item.text : item.type)).join(),
  );

test('a page is turned oldest first and a live turn wins', () => {
  const state = withHistory(
    live(true),
    page(told('u2', 'from history', 'inProgress'), told('u1', 'one')),
    'newest',
  );
  assert.deepEqual(
    allTurns(state).map((turn) => turn.id),
    ['u1', 'u2'],
  );
  assert.deepEqual(texts(state), ['one', 'live']);
});

test('a turn whose end was missed is as Codex tells it', () => {
  const state = withHistory(live(true), page(told('u2', 'all of it')), 'newest');
  assert.deepEqual(texts(state), ['all of it']);
  assert.deepEqual(
    allTurns(state).map((turn) => turn.status),
    ['completed'],
  );
});

test('a turn seen only in part takes the rest from history', () => {
  const state = withHistory(live(false), page(told('u2', 'the whole text')), 'newest');
  assert.deepEqual(texts(state), ['the whole text']);
});

test('of an ended turn what Codex does not keep is cut off, and what was cut off here is as Codex tells it', () => {
  const say = (id: string) => ({
    method: 'item/agentMessage/delta',
    params: { threadId: 't', turnId: 'u2', itemId: id, delta: 'half' },
  });
  const start = (id: string) => ({
    method: 'item/started',
    params: { threadId: 't', turnId: 'u2', item: { type: 'agentMessage', id, text: '' } },
  });
  const events = [start('u2-a'), say('u2-a'), start('dropped'), say('dropped'), say('dropped too')];
  for (const end of [
    [],
    [
      {
        method: 'turn/completed',
        params: { threadId: 't', turn: { id: 'u2', status: 'completed', items: [] } },
      },
    ],
  ]) {
    let state = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
    [...events, ...end].forEach((message, at) => {
      state = reduceThread(state, { kind: 'message', epoch: 'e', seq: at + 1, message });
    });
    const items = allTurns(withHistory(state, page(told('u2', 'all of it')), 'newest'))[0]!.items;
    assert.deepEqual(
      items.map((item) => [item.id, item.type === 'agent' && item.text, item.done, item.cutOff]),
      [
        ['u2-a', 'all of it', true, false],
        ['dropped', 'half', true, true],
        ['dropped too', 'half', true, true],
      ],
    );
  }
});

test('what a steer cut off stays where it was while the turn runs, and what is newer than the page at the end', () => {
  const say = (id: string) => ({
    method: 'item/agentMessage/delta',
    params: { threadId: 't', turnId: 'u2', itemId: id, delta: id },
  });
  let state = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
  [say('a'), say('cut'), say('b'), say('newer')].forEach((message, at) => {
    state = reduceThread(state, { kind: 'message', epoch: 'e', seq: at + 1, message });
  });
  const items = ['a', 'b', 'missed'].map((id) => ({ type: 'agentMessage', id, text: id }));
  const running = readPage({ data: [{ id: 'u2', status: 'inProgress', itemsView: 'full', items }] });
  assert.deepEqual(texts(withHistory(state, running, 'newest')), ['a,cut,b,missed,newer']);
});

test('of an interrupted turn that only Codex tells, it is said that a message may be gone', () => {
  const interrupted = page(told('u2', 'said', 'interrupted'));
  const notes = (state: ThreadState) => allTurns(state)[0]!.notes.map((note) => note.text);
  assert.deepEqual(notes(withHistory(emptyThread('t'), interrupted, 'newest')), [
    'Codex keeps nothing of a message that was interrupted.',
  ]);
  assert.deepEqual(notes(withHistory(live(true), interrupted, 'newest')), [], 'here it was seen');
});

test('what the phone dropped of a long turn is not called cut off', () => {
  let state = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
  const early = [
    {
      method: 'item/agentMessage/delta',
      params: { threadId: 't', turnId: 'u2', itemId: 'early', delta: 'half' },
    },
    { method: 'zane/hole', params: { threadId: 't', turnId: 'u2', reason: 'x' } },
    {
      method: 'turn/completed',
      params: { threadId: 't', turn: { id: 'u2', status: 'completed', items: [] } },
    },
  ];
  early.forEach((message, at) => {
    state = reduceThread(state, { kind: 'message', epoch: 'e', seq: at + 1, message });
  });
  const items = Array.from({ length: TURN_ITEMS_MAX + 1 }, (_, at) => ({
    type: 'agentMessage',
    id: at === 0 ? 'early' : `i${at}`,
    text: 'all of it',
  }));
  const long = readPage({ data: [{ id: 'u2', status: 'completed', itemsView: 'full', items }] });
  const shown = allTurns(withHistory(state, long, 'newest'))[0]!.items.find((item) => item.id === 'early');
  assert.equal(shown?.cutOff, false);
});

test('older pages go before, and no turn is there twice', () => {
  const first = withHistory(emptyThread('t'), page(told('u3', '3'), told('u2', '2')), 'newest');
  const second = withHistory(first, page(told('u2', '2 again'), told('u1', '1')), 'older');
  assert.deepEqual(texts(second), ['1', '2 again', '3']);
});

test('a newest page that does not reach what is held replaces it', () => {
  const old = withHistory(emptyThread('t'), page(told('u1', '1')), 'newest');
  assert.deepEqual(texts(withHistory(old, page(told('u9', '9')), 'newest')), ['9']);
  assert.deepEqual(texts(withHistory(old, page(told('u2', '2'), told('u1', '1')), 'newest')), ['1', '2']);
});

test('nonsense is an empty page', () => {
  for (const odd of [undefined, 7, [], { data: 'x' }, { data: [{}, 7] }])
    assert.deepEqual(readPage(odd).turns, []);
});
