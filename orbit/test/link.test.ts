// The link in the real bundle: who may open it, hello, forwarding, addressing,
// presence, and what happens to a peer that talks nonsense or too much.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { FRAME_BYTES_MAX, HEADER_BYTES_MAX, encodeFrame } from '../../proto/ts/link.ts';
import type { Header } from '../../proto/ts/link.ts';
import { CLIENT_SOCKETS_MAX } from '../src/sockets.ts';
import { startOrbit } from '../tool/orbit-process.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { UpgradeRefused, newMac, newPhone } from './people.ts';

let orbit: OrbitProcess;
before(async () => {
  orbit = await startOrbit();
});
after(async () => {
  await orbit.stop();
});

const seconds = () => Math.floor(Date.now() / 1000);
const refusedWith = (status: number, code: string) => (error: unknown) =>
  error instanceof UpgradeRefused && error.status === status && JSON.parse(error.body).error === code;

test("the link opens for the Mac's own fresh token and for nothing else", async () => {
  const mac = await newMac(orbit);
  const stranger = await newMac(orbit);
  const sibling = await newMac(orbit, mac.user);
  await assert.rejects(
    mac.connect({ key: stranger.privateKey }),
    refusedWith(401, 'bad-token'),
    'bad signature',
  );
  await assert.rejects(mac.connect({ aud: 'zane-enroll' }), refusedWith(401, 'bad-token'), 'wrong audience');
  await assert.rejects(
    mac.connect({ iat: seconds() - 110, exp: seconds() - 1 }),
    refusedWith(401, 'expired'),
  );
  await assert.rejects(
    mac.connect({ exp: seconds() + 600 }),
    refusedWith(401, 'bad-token'),
    'lives too long',
  );
  await assert.rejects(mac.connect({ jti: '' }), refusedWith(401, 'bad-token'));
  await assert.rejects(
    stranger.connect({ path: `/link/${mac.user}/${stranger.id}` }),
    refusedWith(401, 'unknown-mac'),
    'Mac of another user',
  );
  await assert.rejects(
    stranger.connect({ path: `/link/${mac.user}/${stranger.id}`, sub: mac.user }),
    refusedWith(401, 'unknown-mac'),
  );
  await assert.rejects(
    sibling.connect({ path: `/link/${mac.user}/${mac.id}` }),
    refusedWith(401, 'bad-token'),
    'another Mac of the same user',
  );
  await mac.online();
});

test('a token for one user opens nothing of another, even where the Mac is registered with both', async () => {
  const mac = await newMac(orbit);
  const { user } = await newMac(orbit);
  assert.equal((await mac.register({ user })).status, 200);
  await assert.rejects(mac.connect({ path: `/link/${user}/${mac.id}` }), refusedWith(401, 'bad-token'));
  await mac.connect({ path: `/link/${user}/${mac.id}`, sub: user });
});

test("a phone's socket needs the right origin and a signed-in browser", async () => {
  const phone = await newPhone(orbit, await newMac(orbit));
  await assert.rejects(phone.connect({ origin: 'https://evil.example' }), refusedWith(403, 'foreign-origin'));
  await assert.rejects(phone.connect({ cookie: '' }), refusedWith(401, 'signed-out'));
  await phone.online();
});

test('frames are forwarded verbatim, text and binary, to those addressed', async () => {
  const mac = await newMac(orbit);
  const [a, b] = [await newPhone(orbit, mac), await newPhone(orbit, mac)];
  const [link, lineA, lineB] = [await mac.online(), await a.online(), await b.online()];
  const body = '{"text":"naïve \u2028 \\u0000 🪐",  "n" : 1.0}\n\n';
  lineA.send(
    { mac: mac.id, trace: 't1', command: { device: 'd', signature: 's' }, extra: { kept: true } } as Header,
    body,
    '',
  );
  const got = await link.next('command');
  assert.equal(got.binary, false);
  assert.equal(got.header.from, lineA.client);
  assert.deepEqual(
    (got.header as Record<string, unknown>)['extra'],
    { kept: true },
    'an unknown field passes through',
  );
  assert.equal(Buffer.from(got.bodies[0] ?? []).toString(), body);
  assert.equal(got.bodies[1]?.length, 0);

  const bytes = randomBytes(5000);
  link.raw(encodeFrame({ to: [lineB.client], trace: 't2', signal: {} }, [bytes]));
  const signal = await lineB.next('signal');
  assert.ok(signal.binary);
  assert.deepEqual(signal.bodies[0], new Uint8Array(bytes));
  assert.equal(signal.header.mac, mac.id);
  assert.equal(signal.header.to, undefined, "who else gets it is nobody's business");
  link.send({ to: [lineA.client, lineB.client, lineA.client], mac: 'forged', freshness: { codex: 'ready' } });
  for (const line of [lineA, lineB]) {
    assert.equal((await line.next('freshness')).header.mac, mac.id, 'a Mac speaks for itself only');
    await line.settle();
    assert.deepEqual(line.pending, []);
  }
});

test("`from` is Orbit's word: a forged one is overwritten, a phone's `to` is dropped", async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  const [link, line, other] = [await mac.online(), await phone.online(), await phone.online()];
  line.raw(
    `{"from":"x","mac":"${mac.id}","to":["${other.client}"],"ack":{"stream":"s","seq":"1"},"from":"${other.client}"}\n`,
  );
  const { header } = await link.next('ack');
  assert.equal(header.from, line.client);
  assert.equal(header.to, undefined);
});

test('two users, two phones and a Mac each: nothing crosses', async () => {
  const macs = [await newMac(orbit), await newMac(orbit)] as const;
  const links = [await macs[0].online(), await macs[1].online()] as const;
  const lines = await Promise.all(
    [0, 0, 1, 1].map(async (at) => (await newPhone(orbit, macs[at as 0 | 1])).online()),
  );
  const [mine, , theirs] = lines as [(typeof lines)[0], (typeof lines)[0], (typeof lines)[0]];
  links[0].send({ to: [theirs.client], trace: 'x', signal: {} }, 'stolen');
  assert.equal(
    (await links[0].next('clientGone')).header.clientGone?.client,
    theirs.client,
    'there is no such client here',
  );
  mine.send({ mac: macs[1].id, trace: 'y', pair: { proof: 'p' } });
  assert.equal((await mine.next('undelivered')).header.undelivered?.reason, 'unknown-mac');
  for (const [at, line] of lines.entries()) {
    line.send({ mac: macs[at < 2 ? 0 : 1].id, trace: `own-${at}`, unsubscribe: { stream: 's' } });
    const link = links[at < 2 ? 0 : 1];
    assert.equal((await link.next('unsubscribe')).header.from, line.client);
  }
  for (const line of [...lines, ...links]) {
    await line.settle();
    const rest = line.pending.filter(({ header }) => !header.presence);
    assert.deepEqual(rest, []);
  }
});

test('a frame for a Mac that is away comes back with its trace', async () => {
  const mac = await newMac(orbit);
  const line = await (await newPhone(orbit, mac)).online();
  line.send({ mac: mac.id, trace: 'away', subscribe: { stream: 's' } });
  const { header } = await line.next('undelivered');
  assert.deepEqual([header.trace, header.mac, header.undelivered?.reason], ['away', mac.id, 'mac-offline']);
});

test('each side may send its own kinds only', async () => {
  const mac = await newMac(orbit);
  const [link, line] = [await mac.online(), await (await newPhone(orbit, mac)).online()];
  const kinds: Header[] = [
    { events: { stream: 's', epoch: 'e' } },
    { hookAck: { delivery: 'd' } },
    { hookList: {} },
    { clientGone: { client: 'c' } },
    { hello: { part: 'client', protocolMin: 1, protocolMax: 1, release: '' } },
    { presence: {} },
    {},
  ];
  for (const [at, kind] of kinds.entries()) {
    line.send({ mac: mac.id, trace: `k${at}`, ...kind });
    assert.equal(
      (await line.next('undelivered', ({ trace }) => trace === `k${at}`)).header.undelivered?.reason,
      'bad-frame',
    );
  }
  for (const [at, kind] of (
    [
      { presence: {} },
      { command: { device: 'd', signature: 's' } },
      { hookDelivery: { delivery: 'd', hook: 'h' } },
    ] as Header[]
  ).entries()) {
    link.send({ to: [line.client], trace: `m${at}`, ...kind });
    assert.equal(
      (await link.next('undelivered', ({ trace }) => trace === `m${at}`)).header.undelivered?.reason,
      'bad-frame',
    );
  }
  link.send({ trace: 'nobody', signal: {} });
  assert.equal(
    (await link.next('undelivered')).header.undelivered?.reason,
    'bad-frame',
    'there is no broadcast',
  );
  await line.settle();
  assert.deepEqual(line.pending, []);
});

test('presence follows the Mac; a client that leaves is told to the Mac', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  const line = await phone.connect();
  await line.greet('client');
  const before = (await line.next('presence')).header.presence?.macs?.[0];
  assert.deepEqual([before?.mac, before?.name, before?.online], [mac.id, 'desk', false]);
  const link = await mac.online();
  const on = (await line.next('presence')).header.presence?.macs?.[0];
  assert.equal(on?.online, true);
  assert.ok(Number(on?.sinceMs) >= Number(before?.sinceMs));
  const second = await phone.online();
  second.close(1000);
  assert.equal((await link.next('clientGone')).header.clientGone?.client, second.client);
  link.cut();
  assert.equal((await line.next('presence')).header.presence?.macs?.[0]?.online, false);
});

test('presence is not told before hello', async () => {
  const mac = await newMac(orbit);
  const line = await (await newPhone(orbit, mac)).connect();
  const link = await mac.connect();
  await link.next('hello');
  await line.greet('client');
  assert.equal(
    (await line.next('presence')).header.presence?.macs?.[0]?.online,
    false,
    'a link that has not said hello is not online',
  );
});

test('a newer link of the same Mac replaces the older one', async () => {
  const mac = await newMac(orbit);
  const line = await (await newPhone(orbit, mac)).online();
  const older = await mac.online();
  await line.next('presence');
  const newer = await mac.online();
  assert.equal((await older.closed).code, 4002);
  const online: (boolean | undefined)[] = [];
  for (let i = 0; i < 2; i++) online.push((await line.next('presence')).header.presence?.macs?.[0]?.online);
  assert.deepEqual(online, [false, true], 'the phone sees the break');
  line.send({ mac: mac.id, ack: { stream: 's' } });
  await newer.next('ack');
});

test('no common protocol version: hello, then 4010, and a log line that names the part to update', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  for (const [part, open] of [
    ['client', () => phone.connect()],
    ['relay', () => mac.connect()],
  ] as const) {
    for (const [range, update] of [
      [[0, 0], part],
      [[99, 100], 'orbit'],
    ] as [[number, number], string][]) {
      const line = await open();
      await line.greet(part, range);
      assert.deepEqual(await line.closed, { code: 4010, reason: `update ${update}` });
      assert.match(
        orbit.log,
        new RegExp(`event=no-common-version update=${update} peer=${part === 'relay' ? 'mac' : 'client'}`),
      );
    }
  }
});

test("the first frame must be this part's hello", async () => {
  const phone = await newPhone(orbit, await newMac(orbit));
  for (const header of [
    { ack: { stream: 's' } },
    { hello: { part: 'relay', protocolMin: 1, protocolMax: 1, release: '' } },
    { hello: {} },
    {},
  ] as Header[]) {
    const line = await phone.connect();
    line.send(header);
    assert.equal((await line.closed).code, 4011);
  }
});

test('a malformed header or an oversize frame closes with 4011, the largest frame passes', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  const link = await mac.online();
  const bad: (string | Uint8Array)[] = [
    'no newline',
    '{\n',
    '[]\n',
    '{"mac":7}\n',
    '{"lengths":[-1]}\n',
    '{"ack":{},"pair":{}}\n',
    '{"ack":[]}\n',
    new Uint8Array([0xff, 0x0a]),
    `{"trace":"${'x'.repeat(65)}"}\n`,
    `{"x":"${'x'.repeat(HEADER_BYTES_MAX)}"}\n`,
    'x'.repeat(FRAME_BYTES_MAX + 1),
    new Uint8Array(FRAME_BYTES_MAX + 1),
    // Fewer UTF-16 units than the limit, more bytes.
    `{"mac":"${mac.id}","ack":{}}\n${'é'.repeat(FRAME_BYTES_MAX / 2)}`,
  ];
  for (const message of bad) {
    const line = await phone.online();
    line.raw(message);
    assert.equal((await line.closed).code, 4011, String(message).slice(0, 30));
  }
  const line = await phone.online();
  const header: Header = { mac: mac.id, trace: 'big', ack: { stream: 's' }, lengths: [0] };
  const room =
    FRAME_BYTES_MAX -
    encodeFrame({ ...header, from: line.client }, [new Uint8Array(1_000_000)]).length +
    1_000_000;
  line.raw(encodeFrame(header, [new Uint8Array(room).fill(0x61)]));
  assert.equal((await link.next('ack')).bodies[0]?.length, room);
  line.raw(encodeFrame(header, [new Uint8Array(room + 1).fill(0x61)]));
  assert.equal(
    (await line.next('undelivered')).header.undelivered?.reason,
    'too-large',
    'it would not fit with `from` in it',
  );
});

test('a phone that sends too much, too fast is closed with 4009', async () => {
  const mac = await newMac(orbit);
  const line = await (await newPhone(orbit, mac)).online();
  for (let i = 0; i < 2000; i++) line.send({ mac: mac.id, ack: { stream: 's' } });
  assert.equal((await line.closed).code, 4009);
});

test('a user has a bounded number of client sockets', async () => {
  const phone = await newPhone(orbit, await newMac(orbit));
  const lines = await Promise.all(Array.from({ length: CLIENT_SOCKETS_MAX }, () => phone.connect()));
  await assert.rejects(phone.connect(), refusedWith(429, 'too-many-clients'));
  lines[0]?.cut();
  await lines[1]?.greet('client');
  await lines[1]?.settle();
});

test('ping is answered with pong', async () => {
  const line = await (await newPhone(orbit, await newMac(orbit))).connect();
  line.raw('ping');
  await line.pong();
});
