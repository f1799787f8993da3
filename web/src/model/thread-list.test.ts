// The list level: order, liveness, approvals' counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyInbox, listedRows, ordered, reduceInbox, withListed, withOlder } from './thread-list.ts';
import type { Inbox } from './thread-list.ts';

const thread = (id: string, updatedAt: number, type = 'idle') => ({
  id,
  name: id,
  cwd: '/w',
  status: { type, activeFlags: [] },
  updatedAt,
});
const listed = withListed(reduceInbox(emptyInbox(), { kind: 'reset', epoch: 'e' }), {
  data: [thread('a', 30), thread('b', 20, 'active'), thread('c', 10)],
});
const say = (state: Inbox, seq: number, method: string, params: Record<string, unknown>): Inbox =>
  reduceInbox(state, { kind: 'message', epoch: 'e', seq, message: { method, params, emittedAtMs: seq } });

test('who needs me comes first, then what runs, then the newest', () => {
  assert.deepEqual(
    ordered(listed.threads, new Map([['c', 1]])).map((row) => row.id),
    ['c', 'b', 'a'],
  );
  const waiting = say(listed, 1, 'thread/status/changed', {
    threadId: 'a',
    status: { type: 'active', activeFlags: ['waitingOnApproval'] },
  });
  assert.deepEqual(
    ordered(waiting.threads, new Map()).map((row) => row.id),
    ['a', 'b', 'c'],
  );
});

test('threads that appear, change and go are followed once', () => {
  let state = say(listed, 1, 'thread/started', { thread: thread('d', 40) });
  state = say(state, 2, 'thread/name/updated', { threadId: 'd', threadName: 'new name' });
  state = say(state, 3, 'thread/archived', { threadId: 'a' });
  assert.equal(say(state, 3, 'thread/archived', { threadId: 'b' }), state);
  assert.deepEqual(
    state.threads.map((row) => row.title),
    ['new name', 'b', 'c'],
  );
});

test('a new journal voids the approvals, not the list', () => {
  const state = reduceInbox(listed, { kind: 'reset', epoch: 'f' });
  assert.equal(state.threads.length, 3);
  assert.equal(state.approvals.size, 0);
});

test('an older page adds what is not there yet, behind it', () => {
  const page = (...ids: string[]) => ({ data: ids.map((id) => ({ id, preview: id })) });
  const state = withOlder(withListed(emptyInbox(), page('a', 'b')), page('b', 'c'));
  assert.deepEqual(
    state.threads.map((row) => row.id),
    ['a', 'b', 'c'],
  );
});

test('a thread is unread by its receipt alone, and read when there is nothing left to read', () => {
  const readStates = {
    a: { firstUnread: { type: 'turn', turnId: 'u' }, revision: 'r1' },
    b: { firstUnread: null, revision: 'r2' },
  };
  const rows = listedRows({ data: [{ id: 'a' }, { id: 'b' }, { id: 'c' }], readStates });
  assert.deepEqual(
    rows.map((row) => row.unread),
    ['r1', '', ''],
  );
});
