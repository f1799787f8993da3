// The promise of the thread's state: whatever the line does to the batches, a
// client that resumes ends in the very state of the clean log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Streams } from '../link/streams.ts';
import { fromUtf8 } from '../link/signed.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { batches, disturbed, seeded } from '../testing/fake-relay.ts';
import type { Logged } from '../testing/fake-relay.ts';
import { threadLog } from '../testing/thread-log.ts';
import { obj } from './read.ts';
import { emptyThread, reduceThread } from './thread.ts';
import type { ThreadState } from './thread.ts';

const SEEDS = 60;

function clean(log: readonly Logged[]): ThreadState {
  const start = reduceThread(emptyThread('t'), { kind: 'reset', epoch: 'e' });
  return log.reduce(
    (state, { seq, message }) =>
      reduceThread(state, { kind: 'message', epoch: 'e', seq, message: obj(message) }),
    start,
  );
}

/** Runs the log through Streams over a bad line until the client is at head. */
async function over(log: readonly Logged[], random: () => number): Promise<ThreadState> {
  const clock = new FakeClock();
  let state = emptyThread('t');
  let head = false;
  let wanted: string | undefined | null = null;
  const streams = new Streams({
    clock,
    ready: () => true,
    mac: () => 'm',
    failed: (error) => assert.fail(String(error)),
    send: (header) => {
      if (header.subscribe) wanted = header.subscribe.after?.seq;
      return true;
    },
  });
  streams.open('t', {
    reset: (epoch) => {
      state = reduceThread(state, { kind: 'reset', epoch });
    },
    apply: (epoch, events) => {
      for (const { seq, bodies } of events)
        state = reduceThread(state, {
          kind: 'message',
          epoch,
          seq,
          message: obj(JSON.parse(fromUtf8(bodies[0] as Uint8Array))),
        });
    },
    atHead: (at) => {
      head = at;
    },
  });
  const last = log.at(-1)?.seq ?? 0;
  for (let round = 0; state.seq < last; round++) {
    assert.ok(round < 5_000, 'it never came to the head');
    if (wanted === null) {
      // Nothing is missed by a silent line: the heartbeat replaces the socket and resumes.
      streams.pauseAll();
      streams.resumeAll();
    }
    const after: string | undefined = wanted ?? undefined;
    wanted = null;
    const cursor = { epoch: 'e', seq: after ?? '0' };
    streams.frame({
      header: {
        subscribed: {
          stream: 's1',
          resumed: after !== undefined,
          from: cursor,
          head: { epoch: 'e', seq: String(last) },
        },
      },
      bodies: [],
    });
    for (const one of disturbed(batches('s1', 'e', log, Number(after ?? 0), random), random))
      streams.frame(one);
    clock.advance(40_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => head || state.seq === last);
  return state;
}

for (let seed = 1; seed <= SEEDS; seed++)
  test(`a bad line changes nothing, seed ${seed}`, async () => {
    const random = seeded(seed);
    const log = threadLog('t', random, 1 + Math.floor(random() * 6));
    assert.deepEqual(await over(log, random), clean(log));
  });

test('every prefix may be applied again without effect', () => {
  const log = threadLog('t', seeded(99), 4);
  const state = clean(log);
  for (const { seq, message } of log)
    assert.equal(reduceThread(state, { kind: 'message', epoch: 'e', seq, message: obj(message) }), state);
});

test('another epoch is not this journal', () => {
  const state = clean(threadLog('t', seeded(5), 2));
  assert.equal(reduceThread(state, { kind: 'message', epoch: 'f', seq: 10_000, message: {} }), state);
});
