// What single events do to a thread, by Codex's own shapes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTPUT_CHARS_MAX } from './items.ts';
import type { Item } from './items.ts';
import type { Fields } from './read.ts';
import { emptyThread, LIVE_TURNS_MAX, reduceThread } from './thread.ts';
import type { ThreadState } from './thread.ts';
import { TURN_ITEMS_MAX } from './turns.ts';

function play(...events: readonly [method: string, params: Fields][]): ThreadState {
  let state = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
  events.forEach(([method, params], at) => {
    state = reduceThread(state, {
      kind: 'message',
      epoch: 'e',
      seq: at + 1,
      message: { method, params: { threadId: 't', ...params }, emittedAtMs: at },
    });
  });
  return state;
}
const item = (state: ThreadState, id: string): Item | undefined =>
  state.live.flatMap((turn) => turn.items).find((one) => one.id === id);
const started = (id: string): [string, Fields] => [
  'turn/started',
  { turn: { id, items: [], status: 'inProgress', startedAt: 10 } },
];

test('deltas are appended and the completed item replaces them', () => {
  const events: [string, Fields][] = [
    started('u'),
    ['item/started', { turnId: 'u', item: { type: 'agentMessage', id: 'a', text: '' } }],
    ['item/agentMessage/delta', { turnId: 'u', itemId: 'a', delta: 'Hel' }],
    ['item/agentMessage/delta', { turnId: 'u', itemId: 'a', delta: 'lo' }],
  ];
  const half = item(play(...events), 'a');
  assert.equal(half?.type === 'agent' && half.text, 'Hello');
  const whole = item(
    play(
      ...events,
      ['item/completed', { turnId: 'u', item: { type: 'agentMessage', id: 'a', text: 'Hello.' } }],
      ['item/agentMessage/delta', { turnId: 'u', itemId: 'a', delta: '!' }],
    ),
    'a',
  );
  assert.equal(whole?.type === 'agent' && whole.text, 'Hello.');
  assert.equal(whole?.done, true);
});

test('a delta without its start is kept and marked as a part', () => {
  const state = play(['item/agentMessage/delta', { turnId: 'u', itemId: 'a', delta: 'tail' }]);
  assert.equal(item(state, 'a')?.partial, true);
  assert.equal(state.live[0]?.whole, false);
});

test('command output keeps its tail, its streamed text and its exit', () => {
  const long = 'x'.repeat(OUTPUT_CHARS_MAX);
  const state = play(
    started('u'),
    [
      'item/started',
      {
        turnId: 'u',
        startedAtMs: 5,
        item: { type: 'commandExecution', id: 'c', command: 'make', cwd: '/w', status: 'inProgress' },
      },
    ],
    ['item/commandExecution/outputDelta', { turnId: 'u', itemId: 'c', delta: long }],
    ['item/commandExecution/outputDelta', { turnId: 'u', itemId: 'c', delta: 'end' }],
    [
      'item/completed',
      {
        turnId: 'u',
        item: {
          type: 'commandExecution',
          id: 'c',
          command: 'make',
          cwd: '/w',
          status: 'failed',
          exitCode: 2,
          durationMs: 7,
        },
      },
    ],
  );
  const command = item(state, 'c');
  assert.ok(command?.type === 'command');
  assert.equal(command.output.length, OUTPUT_CHARS_MAX);
  assert.ok(command.output.endsWith('xend') && command.cut);
  assert.deepEqual([command.exitCode, command.durationMs, command.status], [2, 7, 'failed']);
});

test('an ended turn leaves nothing spinning and says how it ended', () => {
  const state = play(
    started('u'),
    ['item/started', { turnId: 'u', item: { type: 'agentMessage', id: 'a', text: 'x' } }],
    [
      'turn/completed',
      {
        turn: {
          id: 'u',
          items: [],
          status: 'failed',
          error: { message: 'overloaded', additionalDetails: 'busy' },
          completedAt: 12,
        },
      },
    ],
  );
  const turn = state.live[0];
  assert.deepEqual(
    [turn?.status, turn?.error, turn?.startedAtMs, turn?.completedAtMs],
    ['failed', 'overloaded\nbusy', 10_000, 12_000],
  );
  assert.equal(item(state, 'a')?.done, true);
});

test('what a steer or a stop cut off reads as cut off, and no more once its end comes after all', () => {
  const say = (id: string): [string, Fields][] => [
    ['item/started', { turnId: 'u', item: { type: 'agentMessage', id, text: '' } }],
    ['item/agentMessage/delta', { turnId: 'u', itemId: id, delta: 'half' }],
  ];
  const end = (id: string): [string, Fields] => [
    'item/completed',
    { turnId: 'u', item: { type: 'agentMessage', id, text: 'half a word' } },
  ];
  const over: [string, Fields] = ['turn/completed', { turn: { id: 'u', items: [], status: 'completed' } }];
  const cut = (state: ThreadState): (boolean | undefined)[] =>
    ['a', 'b'].map((id) => item(state, id)?.cutOff);
  assert.deepEqual(cut(play(started('u'), ...say('a'), ...say('b'), end('b'))), [false, false]);
  assert.deepEqual(cut(play(started('u'), ...say('a'), ...say('b'), end('b'), over)), [true, false]);
  assert.deepEqual(cut(play(started('u'), ...say('a'), ...say('b'), end('b'), over, end('a'))), [
    false,
    false,
  ]);
});

test('status, name, settings, tokens and reroutes are followed', () => {
  const state = play(
    ['thread/status/changed', { status: { type: 'active', activeFlags: ['waitingOnApproval'] } }],
    ['thread/name/updated', { threadName: 'N' }],
    ['thread/settings/updated', { threadSettings: { model: 'm2', effort: 'high', cwd: '/w' } }],
    [
      'thread/tokenUsage/updated',
      {
        turnId: 'u',
        tokenUsage: { last: { totalTokens: 50 }, total: { totalTokens: 900 }, modelContextWindow: 100 },
      },
    ],
    ['model/rerouted', { turnId: 'u', fromModel: 'm2', toModel: 'm3' }],
  );
  assert.deepEqual(
    [state.status, state.flags, state.name, state.effort, state.cwd, state.tokens],
    ['active', ['waitingOnApproval'], 'N', 'high', '/w', { used: 50, window: 100 }],
  );
  assert.equal(state.model, 'm3');
  assert.match(state.live[0]?.notes[0]?.text ?? '', /m2 to m3/);
});

test('what belongs to another thread or makes no sense is passed over', () => {
  const clean = play(started('u'));
  const odd = play(
    started('u'),
    ['turn/started', { threadId: 'other', turn: { id: 'x' } }],
    ['item/started', { turnId: 'u', item: 7 }],
    ['item/completed', { turnId: 'u', item: { type: 'agentMessage' } }],
    ['item/agentMessage/delta', { turnId: 'u' }],
    ['turn/plan/updated', {}],
    ['brand/new', { turnId: 'u' }],
    ['item/reasoning/textDelta', { turnId: 'u', itemId: 'r', contentIndex: 1e9, delta: 'x' }],
  );
  assert.deepEqual(
    odd.live.map((turn) => turn.id),
    clean.live.map((turn) => turn.id),
  );
  assert.deepEqual(
    odd.live[0]?.items.map((one) => one.type),
    ['reasoning'],
  );
});

test('turns and items are bounded, and say what was left out', () => {
  const many = play(...Array.from({ length: LIVE_TURNS_MAX + 5 }, (_, n) => started(`u${n}`)));
  assert.equal(many.live.length, LIVE_TURNS_MAX);
  const long = play(
    started('u'),
    ...Array.from({ length: TURN_ITEMS_MAX + 3 }, (_, n): [string, Fields] => [
      'item/completed',
      { turnId: 'u', item: { type: 'agentMessage', id: `i${n}`, text: '' } },
    ]),
  );
  assert.deepEqual([long.live[0]?.items.length, long.live[0]?.dropped], [TURN_ITEMS_MAX, 3]);
});

test('an unknown item is shown as it is', () => {
  const unknown = item(
    play(started('u'), [
      'item/completed',
      { turnId: 'u', item: { type: 'hologram', id: 'h', shape: 'cube' } },
    ]),
    'h',
  );
  assert.ok(unknown?.type === 'other');
  assert.equal(unknown.title, 'hologram');
  assert.match(unknown.detail, /cube/);
});

test("a turn with a hole is not whole until the Mac says so, and then its items stand in Codex's order", () => {
  const message = (id: string, text: string): [string, Fields] => [
    'item/completed',
    { turnId: 'u', item: { type: 'agentMessage', id, text } },
  ];
  const upToHole: [string, Fields][] = [
    started('u'),
    message('a', 'before'),
    ['item/agentMessage/delta', { turnId: 'u', itemId: 'b', delta: 'w1 w2' }],
    ['zane/hole', { turnId: 'u', reason: 'x' }],
  ];
  const holed = play(...upToHole);
  assert.equal(holed.live[0]?.whole, false);
  assert.equal(item(holed, 'b')?.partial, true);
  assert.equal(holed.live[0]?.notes.length, 1);
  const ended = play(...upToHole, ['turn/completed', { turn: { id: 'u', items: [], status: 'completed' } }]);
  assert.deepEqual(
    [item(ended, 'b')?.done, item(ended, 'b')?.cutOff],
    [true, false],
    'its rest may only have been missed',
  );
  const dropped = play(
    ...upToHole,
    message('d', 'live again'),
    ['turn/completed', { turn: { id: 'u', items: [], status: 'completed' } }],
    ['zane/whole', { turnId: 'u', itemIds: ['a', 'd'] }],
  );
  assert.deepEqual(
    dropped.live[0]?.items.map((one) => [one.id, one.done, one.cutOff]),
    [
      ['a', true, false],
      ['b', true, true],
      ['d', true, false],
    ],
    'Codex has let go of it',
  );
  const after = play(
    ...upToHole,
    message('d', 'live again'),
    message('b', 'w1 w2 w3 w4'),
    message('c', 'missed'),
    ['zane/whole', { turnId: 'u', itemIds: ['a', 'b', 'c', 'd'] }],
  );
  assert.deepEqual(
    after.live[0]?.items.map((one) => one.id),
    ['a', 'b', 'c', 'd'],
  );
  assert.equal(after.live[0]?.whole, true);
  assert.deepEqual(after.live[0]?.notes, []);
  const b = item(after, 'b');
  assert.equal(b?.type === 'agent' && b.text, 'w1 w2 w3 w4');
});
