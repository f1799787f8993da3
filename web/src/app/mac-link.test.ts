// One Mac's link against a fake Mac with real signatures: attach, what it proves, and what a lost connection ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Header } from '../../../proto/ts/link.ts';
import { CallError, Commands } from '../link/commands.ts';
import { makeDeviceKey } from '../link/signed.ts';
import { hops, NO_ORBIT_PROOFS, statusLine } from '../model/freshness.ts';
import type { Fields } from '../model/read.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { MacLink } from './mac-link.ts';

interface Sent {
  header: Header;
  body: Uint8Array | undefined;
}

async function world() {
  const clock = new FakeClock();
  const mac = await FakeMac.make();
  const device = await makeDeviceKey();
  const sent: Sent[] = [];
  const line = { open: true, lookedAt: true };
  const seen = {
    signals: [] as Fields[],
    renamed: [] as string[],
    badFrames: 0,
    views: 0,
    left: [] as boolean[],
  };
  const send = (header: Header, bodies: readonly Uint8Array[] = []): boolean => {
    if (line.open) sent.push({ header, body: bodies[0] });
    return line.open;
  };
  const commands = new Commands({
    clock,
    device,
    macKey: () => mac.publicKey,
    send,
    ready: () => link.attached,
  });
  const known = { mac: mac.id, key: '', name: 'old name', device: device.id, role: 'viewer', pairedAt: 1 };
  const link: MacLink = new MacLink(known, {
    clock,
    commands,
    socket: { isOpen: () => line.open, send },
    isLookedAt: () => line.lookedAt,
    changed: () => {
      seen.views++;
    },
    leaving: async () => void seen.left.push(link.attached),
    renamed: ({ name, role }) => seen.renamed.push(`${name} ${role}`),
    signal: (message) => seen.signals.push(message),
    failed: (error) => assert.fail(String(error)),
    badFrame: () => {
      seen.badFrames++;
    },
  });
  const methodOf = ({ body }: Sent): string =>
    body ? String((JSON.parse(new TextDecoder().decode(body)) as Fields)['method']) : '';
  const sentOf = (method: string): Sent[] => sent.filter((each) => methodOf(each) === method);
  const online = (sinceMs = '1000'): void => link.presence({ mac: mac.id, online: true, sinceMs });
  const answer = async (to: Sent | undefined, state: string, more = {}): Promise<void> => {
    assert.ok(to?.body);
    const receipt = await mac.receipt(String(to.header.trace), to.body, state, more);
    link.frame(receipt);
  };
  const attach = async (features: readonly string[] = ['probe']): Promise<void> => {
    const before = sentOf('zane/attach').length;
    online();
    await until(() => sentOf('zane/attach').length > before);
    await answer(sentOf('zane/attach').at(-1), 'done', {
      result: { macName: 'Desk', role: 'owner', features },
    });
    await until(() => link.attached);
  };
  const fresh = (): void =>
    link.frame({ header: { mac: mac.id, freshness: { codex: 'ready', codexAgeMs: '100' } }, bodies: [] });
  const statusNow = (): string => {
    const orbit = { ...NO_ORBIT_PROOFS, open: true, orbitAtMs: clock.now() };
    return statusLine(hops({ ...orbit, ...link.view.proofs }, clock.now()));
  };
  return { clock, mac, sent, line, seen, commands, link, sentOf, online, answer, attach, fresh, statusNow };
}

test('a Mac that comes online is asked to take us, and tells its name and what we may do', async () => {
  const { link, seen, sentOf, attach } = await world();
  await attach();
  assert.equal(sentOf('zane/attach').length, 1);
  assert.equal(link.view.attach.state, 'yes');
  assert.equal(link.view.info?.macName, 'Desk');
  assert.deepEqual(seen.renamed, ['Desk owner']);
  assert.deepEqual(seen.left, [true], 'what waits is said to be leaving');
});

test('nothing is asked of a Mac that is offline, or while there is no connection', async () => {
  const { link, mac, line, sent, online } = await world();
  link.presence({ mac: mac.id, online: false });
  link.presence(undefined);
  line.open = false;
  online();
  link.reattach();
  assert.deepEqual(sent, []);
  assert.equal(link.view.attach.state, 'no');
});

test('the same word of Orbit twice asks once; a Mac that came back is asked anew', async () => {
  const { link, sentOf, online, attach } = await world();
  await attach();
  online();
  assert.equal(link.attached, true);
  online('2000');
  assert.equal(link.attached, false, 'it is another connection, which knows nothing of us');
  await until(() => sentOf('zane/attach').length === 2);
});

test('an answer to an attach whose connection has gone speaks for no other', async () => {
  const { link, sentOf, online, answer } = await world();
  online();
  await until(() => sentOf('zane/attach').length === 1);
  online('2000');
  await until(() => sentOf('zane/attach').length === 2);
  await answer(sentOf('zane/attach')[0], 'done', { result: { macName: 'Before' } });
  assert.equal(link.attached, false);
  await answer(sentOf('zane/attach')[1], 'done', { result: { macName: 'Now' } });
  await until(() => link.attached);
  assert.equal(link.view.info?.macName, 'Now');
});

test('a refusal is told with its reason and asked again, ever later', async () => {
  const { clock, link, sentOf, online, answer } = await world();
  online();
  let delay = 1_000;
  for (let asked = 1; asked <= 7; asked++) {
    await until(() => sentOf('zane/attach').length === asked);
    await answer(sentOf('zane/attach').at(-1), 'refused', { reason: 'protocol', message: 'reload it' });
    await until(() => link.view.attach.state === 'refused');
    assert.deepEqual(link.view.attach, { state: 'refused', reason: 'protocol', message: 'reload it' });
    clock.advance(delay - 1);
    assert.equal(sentOf('zane/attach').length, asked);
    clock.advance(1);
    delay = Math.min(30_000, delay * 2);
  }
});

test('a lost connection ends what can not be repeated, and keeps what can', async () => {
  const { link, sentOf, attach } = await world();
  await attach();
  const key = link.call('process/writeStdin', {}, 'never');
  const list = link.call('thread/list', {});
  await until(() => sentOf('thread/list').length === 1);
  link.lost();
  await assert.rejects(key, CallError);
  await attach();
  await until(() => sentOf('thread/list').length === 2);
  assert.deepEqual(sentOf('thread/list')[1]?.body, sentOf('thread/list')[0]?.body, 'the same bytes');
  list.catch(() => undefined);
});

test('relay that does not know us any more is asked again at once', async () => {
  const { link, mac, sentOf, attach } = await world();
  await attach();
  link.undelivered({ mac: mac.id, trace: 's1', undelivered: { reason: 'not-attached' } });
  assert.equal(link.attached, false);
  await until(() => sentOf('zane/attach').length === 2);
});

test('a stream begins with the attach and waits while there is none', async () => {
  const { link, sent, attach } = await world();
  const close = link.streams.open('t', { reset: () => {}, apply: () => {}, atHead: () => {} });
  const asked = () => sent.filter(({ header }) => header.subscribe?.thread === 't').length;
  assert.equal(asked(), 0);
  await attach();
  assert.equal(asked(), 1);
  link.lost();
  await attach();
  assert.equal(asked(), 2);
  close();
});

test('a Mac that says nothing is asked, and not called live any more within 15 s', async () => {
  const { clock, sent, attach, fresh, link, statusNow } = await world();
  const probes = () => sent.filter(({ header }) => header.probe).length;
  const seconds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      clock.advance(1_000);
      link.tick();
    }
  };
  await attach();
  fresh();
  assert.equal(statusNow(), 'Live');
  for (let round = 1; round <= 3; round++) {
    seconds(8);
    assert.equal(probes(), round, 'asked after eight quiet seconds');
    fresh();
    assert.equal(statusNow(), 'Live', 'and it answered');
  }
  seconds(13);
  assert.equal(statusNow(), 'Live');
  seconds(2);
  assert.match(statusNow(), /Orbit–Mac: not known since/);
  fresh();
  assert.equal(statusNow(), 'Live');
});

test('a page that nobody looks at asks nothing, a Mac that does not know the question is waited for', async () => {
  for (const features of [['probe'], []]) {
    const { clock, sent, line, attach, fresh, link, statusNow } = await world();
    line.lookedAt = features.length === 0;
    await attach(features);
    fresh();
    for (let i = 0; i < 40; i++) {
      clock.advance(1_000);
      link.tick();
    }
    assert.equal(sent.filter(({ header }) => header.probe).length, 0);
    assert.match(statusNow(), features.length ? /not known since/ : /Live/);
  }
});

test('signals are handed on, and what can not be read is counted', async () => {
  const { link, mac, seen, attach } = await world();
  await attach();
  const signal = (body: string | undefined): void =>
    link.frame({
      header: { mac: mac.id, signal: {} },
      bodies: body === undefined ? [] : [new TextEncoder().encode(body)],
    });
  signal('{"method":"process/exited"}');
  signal('{"method":');
  signal(undefined);
  assert.deepEqual(seen.signals, [{ method: 'process/exited' }]);
  assert.equal(seen.badFrames, 1);
});
