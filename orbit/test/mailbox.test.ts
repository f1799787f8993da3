// The webhook mailbox in the real bundle: stored while the Mac is away, handed
// over in order, sent again until acknowledged, kept over `kill -9`.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { HOOK_BODY_BYTES_MAX, IN_FLIGHT_MAX, MAILBOX_BYTES_MAX } from '../src/mailbox.ts';
import { startOrbit } from '../tool/orbit-process.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { ask, newMac } from './people.ts';
import type { FakeMac, Line } from './people.ts';

let orbit: OrbitProcess;
before(async () => {
  orbit = await startOrbit();
});
after(async () => {
  await orbit.stop();
});

const post = (mac: FakeMac, hook: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  ask(orbit, `/hooks/${mac.user}.${hook}`, { method: 'POST', body: body as BodyInit, headers });

/** A Mac whose hooks are known to Orbit. */
async function hooked(...hooks: string[]): Promise<{ mac: FakeMac; link: Line }> {
  const mac = await newMac(orbit);
  const link = await mac.online();
  link.send({ hookList: { hooks } });
  await link.settle();
  return { mac, link };
}

test('a delivery is stored while the Mac is away, handed over verbatim, and deleted at the acknowledgement', async () => {
  const { mac, link } = await hooked('h1');
  link.close();
  await link.closed;
  const body = randomBytes(3000);
  const answer = await post(mac, 'h1', body, {
    'X-Hub-Signature-256': 'sha256=00',
    cookie: 'zane-session=secret',
    'x-forwarded-for': '1.2.3.4',
    'x-orbit-user': 'forged',
  });
  assert.equal(answer.status, 202);
  const again = await mac.online();
  const { header, bodies, binary } = await again.next('hookDelivery');
  assert.ok(binary);
  assert.equal(header.hookDelivery?.delivery, answer.body['delivery']);
  assert.equal(header.hookDelivery?.hook, 'h1');
  assert.equal(header.hookDelivery?.headers?.['x-hub-signature-256'], 'sha256=00');
  for (const name of ['cookie', 'x-forwarded-for', 'x-orbit-user'])
    assert.equal(header.hookDelivery?.headers?.[name], undefined, name);
  assert.deepEqual(bodies[0], new Uint8Array(body));
  again.send({ hookAck: { delivery: answer.body['delivery'] } });
  await again.settle();
  const third = await mac.online();
  await third.settle();
  assert.deepEqual(third.pending, []);
});

test('a delivery to a connected Mac goes at once, and again on a new link until acknowledged', async () => {
  const { mac, link } = await hooked('h1');
  const { delivery } = (await post(mac, 'h1', 'one')).body;
  assert.equal((await link.next('hookDelivery')).header.hookDelivery?.delivery, delivery);
  const second = await mac.online();
  assert.equal((await second.next('hookDelivery')).header.hookDelivery?.delivery, delivery);
  await second.settle();
  assert.deepEqual(second.pending, [], 'once per link');
});

test('at most a few are unacknowledged at once, in order', async () => {
  const { mac, link } = await hooked('h1');
  link.close();
  await link.closed;
  const count = IN_FLIGHT_MAX + 3;
  for (let i = 0; i < count; i++) assert.equal((await post(mac, 'h1', `body ${i}`)).status, 202);
  const again = await mac.online();
  for (let i = 0; i < count; i++) {
    const { header, bodies } = await again.next('hookDelivery');
    assert.equal(Buffer.from(bodies[0] ?? []).toString(), `body ${i}`);
    if (i === 0) {
      await again.settle();
      assert.equal(again.pending.length, IN_FLIGHT_MAX - 1);
    }
    again.send({ hookAck: { delivery: header.hookDelivery?.delivery ?? '' } });
  }
});

test('nothing accepted is lost when Orbit is killed', async () => {
  const { mac, link } = await hooked('h1');
  link.close();
  await link.closed;
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await post(mac, 'h1', `body ${i}`)).body['delivery']);
  await orbit.restart();
  const again = await mac.online();
  for (const id of ids) assert.equal((await again.next('hookDelivery')).header.hookDelivery?.delivery, id);
  assert.equal((await post(mac, 'h1', 'the hook list survived too')).status, 202);
});

test('an unknown hook, a hook taken off the list and a malformed address are 404', async () => {
  const { mac, link } = await hooked('h1', 'h2');
  assert.equal((await post(mac, 'h3', '')).body['error'], 'unknown-hook');
  assert.equal((await post(mac, 'h%2f1', '')).status, 404);
  link.send({ hookList: { hooks: ['h1'] } });
  await link.settle();
  assert.equal((await post(mac, 'h2', '')).status, 404);
  assert.equal((await post(mac, 'h1', '')).status, 202, 'an empty body is a delivery');
  assert.equal((await link.next('hookDelivery')).bodies[0]?.length, 0);
  assert.equal((await ask(orbit, `/hooks/${mac.user}.h1`)).status, 405);
});

test('a malformed hook list changes nothing', async () => {
  const { mac, link } = await hooked('h1');
  for (const hooks of [['a/b'], 'h1', Array.from({ length: 300 }, (_, i) => `h${i}`), [7]]) {
    link.send({ hookList: { hooks: hooks as string[] } });
    assert.equal((await link.next('undelivered')).header.undelivered?.reason, 'bad-frame');
  }
  assert.equal((await post(mac, 'h1', '')).status, 202);
});

test("a Mac can neither take over another's hook nor acknowledge its deliveries", async () => {
  const { mac, link } = await hooked('h1');
  const sibling = await newMac(orbit, mac.user);
  const other = await sibling.online();
  other.send({ hookList: { hooks: ['h1'] } });
  await other.settle();
  const { delivery } = (await post(mac, 'h1', 'mine')).body;
  await link.next('hookDelivery');
  other.send({ hookAck: { delivery } });
  await other.settle();
  assert.deepEqual(other.pending, []);
  const again = await mac.online();
  assert.equal((await again.next('hookDelivery')).header.hookDelivery?.delivery, delivery);
});

test('bodies and headers are bounded; the largest body fits a frame', async () => {
  const { mac, link } = await hooked('h1');
  assert.equal((await post(mac, 'h1', new Uint8Array(HOOK_BODY_BYTES_MAX + 1))).status, 413);
  assert.equal(
    (await post(mac, 'h1', 'x', Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-${i}`, 'v']))))
      .status,
    431,
  );
  assert.equal(
    (await post(mac, 'h1', new Uint8Array(HOOK_BODY_BYTES_MAX), { 'x-quotes': '"'.repeat(12_000) })).status,
    202,
  );
  assert.equal((await link.next('hookDelivery')).bodies[0]?.length, HOOK_BODY_BYTES_MAX);
});

test('a full mailbox says so to the sender and drops nothing', async () => {
  const { mac, link } = await hooked('h1');
  link.close();
  await link.closed;
  const body = new Uint8Array(HOOK_BODY_BYTES_MAX);
  let stored = 0;
  let answer = await post(mac, 'h1', body);
  while (answer.status === 202 && stored <= MAILBOX_BYTES_MAX / HOOK_BODY_BYTES_MAX) {
    stored += 1;
    answer = await post(mac, 'h1', body);
  }
  assert.deepEqual([answer.status, answer.body['error']], [507, 'mailbox-full']);
  assert.equal(stored, Math.floor(MAILBOX_BYTES_MAX / (HOOK_BODY_BYTES_MAX + 200)));
  const again = await mac.online();
  const { header } = await again.next('hookDelivery');
  again.send({ hookAck: { delivery: header.hookDelivery?.delivery ?? '' } });
  await again.settle();
  assert.equal((await post(mac, 'h1', body)).status, 202, 'there is room again');
});
