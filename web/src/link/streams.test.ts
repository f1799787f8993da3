// Streams against a fake relay: resume, holes, overlaps, acknowledgement.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Header } from '../../../proto/ts/link.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { batch } from '../testing/fake-relay.ts';
import { Streams, STREAMS_MAX } from './streams.ts';

const log = [3, 4, 7, 8].map((seq) => ({ seq, message: { n: seq } }));

function world() {
  const clock = new FakeClock();
  const sent: Header[] = [];
  const line = { ready: true };
  const seen = { seqs: [] as number[], resets: [] as string[], head: false };
  const streams = new Streams({
    clock,
    send: (header) => sent.push(header) > 0,
    ready: () => line.ready,
    mac: () => 'm',
    failed: (error) => assert.fail(String(error)),
  });
  const close = streams.open('t', {
    reset: (epoch, reason) => {
      seen.resets.push(`${epoch}:${reason}`);
      seen.seqs.length = 0;
    },
    apply: (_epoch, events) => void seen.seqs.push(...events.map((event) => event.seq)),
    atHead: (at) => {
      seen.head = at;
    },
  });
  const subscribed = (more: Partial<NonNullable<Header['subscribed']>> = {}) =>
    streams.frame({
      header: {
        subscribed: { stream: 's1', from: { epoch: 'e', seq: '3' }, head: { epoch: 'e', seq: '8' }, ...more },
      },
      bodies: [],
    });
  return { clock, sent, line, seen, streams, subscribed, close };
}
const subscriptions = (sent: Header[]) =>
  sent.filter((header) => header.subscribe).map((header) => header.subscribe?.after?.seq ?? 'anew');

test('a fresh stream is reset, read to the head and acknowledged', async () => {
  const { clock, sent, seen, streams, subscribed } = world();
  subscribed();
  streams.frame(batch('s1', 'e', 0, log.slice(0, 2)));
  streams.frame(batch('s1', 'e', 4, log.slice(2), true));
  await until(() => seen.head);
  assert.deepEqual(seen.resets, ['e:']);
  assert.deepEqual(seen.seqs, [3, 4, 7, 8]);
  clock.advance(2_000);
  assert.deepEqual(
    sent.filter((header) => header.ack).map((header) => header.ack?.seq),
    ['8'],
  );
});

test('a hole makes it subscribe again from where it stands, and nothing is taken twice', async () => {
  const { clock, sent, seen, streams, subscribed } = world();
  subscribed();
  streams.frame(batch('s1', 'e', 0, log.slice(0, 1)));
  streams.frame(batch('s1', 'e', 4, log.slice(2)));
  clock.advance(0);
  assert.deepEqual(subscriptions(sent), ['anew', '3']);
  streams.frame(batch('s1', 'e', 7, log.slice(3)));
  subscribed({ resumed: true, from: { epoch: 'e', seq: '3' } });
  streams.frame(batch('s1', 'e', 0, log.slice(0, 3)));
  streams.frame(batch('s1', 'e', 7, log.slice(3), true));
  await until(() => seen.head);
  assert.deepEqual(seen.seqs, [3, 4, 7, 8]);
  assert.equal(seen.resets.length, 1);
});

// A subscription that reached relay twice: deltas that were taken come once more, as one.
test('an overlap that ends in the middle of a merged event is read again from where it stands', async () => {
  const { clock, sent, seen, streams, subscribed } = world();
  subscribed();
  streams.frame(batch('s1', 'e', 0, log.slice(0, 3)));
  streams.frame(batch('s1', 'e', 3, [{ seq: 8, message: { n: '4 to 8' } }], true));
  clock.advance(0);
  assert.deepEqual(subscriptions(sent), ['anew', '7']);
  subscribed({ resumed: true, from: { epoch: 'e', seq: '7' } });
  streams.frame(batch('s1', 'e', 7, log.slice(3), true));
  await until(() => seen.head);
  assert.deepEqual(seen.seqs, [3, 4, 7, 8]);
});

test('another epoch, a gap and a malformed batch all lead back to a subscription', async () => {
  const { clock, sent, streams, subscribed } = world();
  subscribed();
  streams.frame(batch('s1', 'other', 0, log));
  clock.advance(60_000);
  subscribed();
  streams.frame({ header: { gap: { stream: 's1', reason: 'slow' } }, bodies: [] });
  clock.advance(60_000);
  subscribed();
  const odd = batch('s1', 'e', 0, log);
  streams.frame({ header: odd.header, bodies: odd.bodies.slice(1) });
  clock.advance(60_000);
  assert.equal(subscriptions(sent).length, 4);
});

test('a relay that never makes sense is asked less and less often', async () => {
  const { clock, sent, streams, subscribed } = world();
  for (let i = 0; i < 200; i++) {
    subscribed();
    streams.frame(batch('s1', 'wrong', 0, log));
    clock.advance(1_000);
  }
  assert.ok(subscriptions(sent).length < 15, `${subscriptions(sent).length} subscriptions`);
});

test('a reconnect resumes after the last event; a cursor that is not honoured resets', async () => {
  const { sent, seen, streams, subscribed } = world();
  subscribed();
  streams.frame(batch('s1', 'e', 0, log));
  streams.pauseAll();
  streams.frame(batch('s1', 'e', 8, [{ seq: 9, message: {} }]));
  streams.resumeAll();
  assert.deepEqual(subscriptions(sent), ['anew', '8']);
  subscribed({ from: { epoch: 'f', seq: '1' }, head: { epoch: 'f', seq: '1' }, reason: 'new epoch' });
  streams.frame(batch('s1', 'f', 0, [{ seq: 1, message: {} }], true));
  await until(() => seen.head);
  assert.deepEqual(seen.resets, ['e:', 'f:new epoch']);
  assert.deepEqual(seen.seqs, [1]);
});

test('an empty stream at head is at head', async () => {
  const { seen, subscribed, close, sent } = world();
  subscribed({ resumed: false, from: { epoch: 'e', seq: '0' }, head: { epoch: 'e', seq: '0' } });
  await until(() => seen.resets.length === 1);
  close();
  assert.equal(sent.at(-1)?.unsubscribe?.stream, 's1');
});

test('streams are bounded', () => {
  const { streams } = world();
  const sink = { reset: () => undefined, apply: () => undefined, atHead: () => undefined };
  for (let i = 1; i < STREAMS_MAX; i++) streams.open(`t${i}`, sink);
  assert.throws(() => streams.open('one more', sink), /too many streams/);
});
