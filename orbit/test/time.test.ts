// What time and hibernation do, by a clock that is set: session grace and expiry,
// mailbox retention and resending, silent sockets; and every scenario of the link
// once more with the object's memory thrown away before each frame.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeTextFrame } from '../../proto/ts/link.ts';
import type { Header } from '../../proto/ts/link.ts';
import { Allowance, receive } from '../src/link.ts';
import { HttpError } from '../src/http.ts';
import {
  IN_FLIGHT_MAX,
  MAILBOX_DELIVERIES_MAX,
  RETENTION_MS,
  replaceHooks,
  storeDelivery,
} from '../src/mailbox.ts';
import { isTokenUsed, useToken } from '../src/schema.ts';
import { ROTATION_GRACE_MS, isSession, openSession, renewSession } from '../src/sessions.ts';
import { SILENT_MS } from '../src/sockets.ts';
import { nextSweepMs, sweep } from '../src/sweep.ts';
import { FakeObject, FakeSocket, asWebSocket, memorySql } from './fake-runtime.ts';

const MAC = 'A'.repeat(22);
const SECRET = 'a secret of thirty-two characters';

/** A client or Mac that has connected, and said hello unless told not to. */
function connect(object: FakeObject, kind: 'client' | 'mac', id: string, hello = true): FakeSocket {
  const ws = new FakeSocket();
  const base = { id, openedMs: object.nowMs, ready: false, gone: false };
  object
    .wake()
    .sockets.accept(
      asWebSocket(ws),
      kind === 'client' ? { ...base, kind, sid: 's1' } : { ...base, kind, inFlight: [] },
    );
  if (hello)
    send(object, ws, {
      hello: { part: kind === 'client' ? 'client' : 'relay', protocolMin: 1, protocolMax: 1, release: '' },
    });
  return ws;
}

/** The object wakes for this one frame, with nothing in memory. */
function send(object: FakeObject, ws: FakeSocket, header: Header): void {
  const home = object.wake();
  const entry = home.sockets.find(asWebSocket(ws));
  if (entry) receive(home, new Allowance(), entry, encodeTextFrame(header));
}

const closeCode = (ws: FakeSocket): number | undefined => ws.closed?.code;

test('after the grace a used session secret ends the session', async () => {
  const sql = memorySql();
  const start = 1_800_000_000_000;
  const { sid, secret } = await openSession(sql, 'passkey', start);
  const first = await renewSession(sql, SECRET, sid, secret, start);
  assert.ok(first.state === 'renewed' && first.secret !== secret);
  const tab = await renewSession(sql, SECRET, sid, secret, start + ROTATION_GRACE_MS - 1);
  assert.deepEqual(tab, first, 'a second tab within the grace gets the same');
  const soon = await renewSession(sql, SECRET, sid, first.secret, start + ROTATION_GRACE_MS - 1);
  assert.deepEqual(soon, first, 'no second rotation within the grace');
  const later = await renewSession(sql, SECRET, sid, first.secret, start + ROTATION_GRACE_MS);
  assert.ok(later.state === 'renewed' && later.secret !== first.secret);
  assert.deepEqual(
    await renewSession(sql, SECRET, sid, secret, start + ROTATION_GRACE_MS),
    { state: 'reused' },
    'two rotations ago',
  );
  assert.deepEqual(await renewSession(sql, SECRET, sid, later.secret, start + ROTATION_GRACE_MS), {
    state: 'unknown',
  });
});

test('the secret before the current one ends the session once the grace is over', async () => {
  const sql = memorySql();
  const { sid, secret } = await openSession(sql, 'passkey', 0);
  await renewSession(sql, SECRET, sid, secret, 100_000);
  assert.deepEqual(await renewSession(sql, SECRET, sid, secret, 100_000 + ROTATION_GRACE_MS), {
    state: 'reused',
  });
  assert.ok(!isSession(sql, sid, 100_000 + ROTATION_GRACE_MS));
});

test('sessions expire after 30 days without renewal, close their sockets, and are bounded in number', async () => {
  const object = new FakeObject();
  const { sid, secret } = await openSession(object.sql, 'passkey', object.nowMs);
  object.nowMs += 29 * 24 * 3600 * 1000;
  assert.equal((await renewSession(object.sql, SECRET, sid, secret, object.nowMs)).state, 'renewed');
  object.nowMs += 30 * 24 * 3600 * 1000;
  assert.ok(!isSession(object.sql, sid, object.nowMs));
  const ws = new FakeSocket();
  object.wake().sockets.accept(asWebSocket(ws), {
    kind: 'client',
    id: 'c',
    sid,
    openedMs: object.nowMs,
    ready: true,
    gone: false,
  });
  assert.ok((nextSweepMs(object.wake()) ?? Infinity) <= object.nowMs);
  sweep(object.wake());
  assert.equal(closeCode(ws), 4001);
  const ended: string[] = [];
  for (let i = 0; i < 40; i++)
    ended.push(...(await openSession(object.sql, 'passkey', object.nowMs + i)).ended);
  assert.equal(ended.length, 8, 'the oldest make room');
});

test('used tokens are forgotten only after they have expired anyway', () => {
  const object = new FakeObject();
  assert.ok(useToken(object.sql, 't', object.nowMs + 1000));
  assert.ok(!useToken(object.sql, 't', object.nowMs + 1000));
  sweep(object.wake());
  assert.ok(isTokenUsed(object.sql, 't'));
  object.nowMs += 1000;
  sweep(object.wake());
  assert.ok(!isTokenUsed(object.sql, 't'));
});

test('a socket that neither pings nor speaks is closed, and presence says so', () => {
  const object = new FakeObject();
  object.addMac(MAC);
  const link = connect(object, 'mac', MAC);
  const phone = connect(object, 'client', 'c1');
  const mute = connect(object, 'client', 'c2', false);
  assert.equal(nextSweepMs(object.wake()), object.nowMs + 30_000);
  object.nowMs += SILENT_MS - 1;
  phone.pingMs = object.nowMs;
  sweep(object.wake());
  assert.equal(closeCode(mute), 4003, 'no hello within 30 s');
  assert.equal(closeCode(link), undefined);
  object.nowMs += 1;
  sweep(object.wake());
  assert.equal(closeCode(link), 4003);
  assert.equal(closeCode(phone), undefined);
  assert.equal(phone.headers.at(-1)?.presence?.macs?.[0]?.online, false);
});

test('deliveries wait a week, are sent again after a minute, and are bounded in number', () => {
  const object = new FakeObject();
  object.addMac(MAC);
  const store = () => storeDelivery(object.sql, MAC, 'h', {}, new Uint8Array([1]), object.nowMs);
  const first = store();
  assert.equal(nextSweepMs(object.wake()), object.nowMs + RETENTION_MS);
  object.nowMs += RETENTION_MS - 1;
  sweep(object.wake());
  const link = connect(object, 'mac', MAC);
  const sent = () => link.headers.filter(({ hookDelivery }) => hookDelivery?.delivery === first).length;
  assert.equal(sent(), 1);
  sweep(object.wake());
  assert.equal(sent(), 1);
  object.nowMs += 1;
  sweep(object.wake());
  assert.equal(nextSweepMs(object.wake()), object.nowMs - 1 + SILENT_MS, 'the mailbox is empty');
  for (let i = 0; i < MAILBOX_DELIVERIES_MAX; i++) store();
  assert.throws(store, (error) => error instanceof HttpError && error.status === 507);
  const other = connect(object, 'mac', MAC);
  assert.equal(other.headers.filter((header) => header.hookDelivery).length, IN_FLIGHT_MAX);
  object.nowMs += 60_000;
  sweep(object.wake());
  assert.equal(
    other.headers.filter((header) => header.hookDelivery).length,
    2 * IN_FLIGHT_MAX,
    'the Mac may have dropped them',
  );
});

test('the link works the same when memory is lost before every frame', () => {
  const object = new FakeObject();
  object.addMac(MAC);
  const phone = connect(object, 'client', 'c1');
  const other = connect(object, 'client', 'c2');
  send(object, phone, { mac: MAC, trace: 'early', ack: { stream: 's' } });
  assert.equal(phone.headers.at(-1)?.undelivered?.reason, 'mac-offline');
  const link = connect(object, 'mac', MAC);
  assert.equal(phone.headers.at(-1)?.presence?.macs?.[0]?.online, true);
  send(object, phone, { mac: MAC, from: 'forged', ack: { stream: 's' } });
  assert.deepEqual(link.headers.at(-1), { mac: MAC, from: 'c1', ack: { stream: 's' } });
  const before = other.sent.length;
  send(object, link, { to: ['c1'], gap: { stream: 's' } });
  assert.deepEqual(phone.headers.at(-1), { mac: MAC, gap: { stream: 's' } });
  assert.equal(other.sent.length, before);
  replaceHooks(object.sql, MAC, ['h']);
  const ids = Array.from({ length: IN_FLIGHT_MAX + 1 }, () =>
    storeDelivery(object.sql, MAC, 'h', {}, new Uint8Array(), object.nowMs),
  );
  const again = connect(object, 'mac', MAC);
  for (const id of ids) send(object, again, { hookAck: { delivery: id } });
  const got = again.headers
    .map(({ hookDelivery }) => hookDelivery?.delivery)
    .filter((id) => id !== undefined);
  assert.deepEqual(got, ids, 'the window moves by what the attachment remembers');
  assert.equal(object.sql.exec('SELECT id FROM mailbox').toArray().length, 0);
});
