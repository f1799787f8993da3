// Commands against a fake Mac: receipts, forgeries, resends, bounds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Header } from '../../../proto/ts/link.ts';
import { FakeClock, until } from '../testing/fake-clock.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { CallError, Commands, PENDING_COMMANDS_MAX } from './commands.ts';
import type { Outcome } from './commands.ts';
import { makeDeviceKey } from './signed.ts';

interface Sent {
  header: Header;
  body: Uint8Array;
}

async function world() {
  const clock = new FakeClock();
  const mac = await FakeMac.make();
  const sent: Sent[] = [];
  const line = { up: true, ready: true };
  const commands = new Commands({
    clock,
    device: await makeDeviceKey(),
    macKey: (id) => (id === mac.id ? mac.publicKey : undefined),
    send: (header, bodies) => {
      if (line.up) sent.push({ header, body: bodies[0] as Uint8Array });
      return line.up;
    },
    ready: () => line.ready,
  });
  const order = async () => {
    const prepared = await commands.prepare(mac.id, 'turn/start', { threadId: 't' }, 60_000);
    const seen = {
      progress: [] as string[],
      trouble: [] as string[],
      outcome: undefined as Outcome | undefined,
    };
    commands.submit(prepared, 'until-answered', {
      progress: (state) => seen.progress.push(state),
      trouble: (message, forged) => seen.trouble.push(`${forged ? 'forged: ' : ''}${message}`),
      ended: (outcome) => {
        seen.outcome = outcome;
      },
    });
    return { prepared, seen };
  };
  const answer = async (id: string, bytes: Uint8Array, state: string, more = {}) => {
    const { header, bodies } = await mac.receipt(id, bytes, state, more);
    await commands.receipt(header, bodies);
  };
  return { clock, mac, commands, sent, line, order, answer };
}

test('a command is what docs/link.md says and goes through its receipts', async () => {
  const { mac, sent, order, answer } = await world();
  const { prepared, seen } = await order();
  const body = JSON.parse(new TextDecoder().decode(sent[0]?.body)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(body), ['mac', 'device', 'id', 'issuedAt', 'expiresAt', 'method', 'params']);
  assert.equal(body['mac'], mac.id);
  assert.equal(sent[0]?.header.mac, mac.id);
  await answer(prepared.id, prepared.bytes, 'received');
  await answer(prepared.id, prepared.bytes, 'done', { result: { turn: { id: 'u' } } });
  assert.deepEqual(seen.progress, ['sent', 'received']);
  assert.equal(seen.outcome?.state, 'done');
  assert.deepEqual(seen.outcome?.result, { turn: { id: 'u' } });
});

test('forged receipts are told and change nothing', async () => {
  const { mac, commands, order, answer } = await world();
  const { prepared, seen } = await order();
  const stranger = await FakeMac.make();
  const other = await stranger.receipt(prepared.id, prepared.bytes, 'done', { instead: { mac: mac.id } });
  await commands.receipt(other.header, other.bodies);
  await answer(prepared.id, new Uint8Array([1]), 'done');
  await answer(prepared.id, prepared.bytes, 'done', { instead: { mac: stranger.id } });
  const swapped = await mac.receipt(prepared.id, prepared.bytes, 'done', { result: { a: 1 } });
  await commands.receipt(swapped.header, [
    swapped.bodies[0] as Uint8Array,
    new TextEncoder().encode('{"a":2}'),
  ]);
  assert.equal(seen.outcome, undefined);
  assert.equal(seen.trouble.length, 4);
  assert.ok(seen.trouble.every((line) => line.startsWith('forged')));
});

test('a reconnect resends the same bytes until they are answered', async () => {
  const { mac, commands, sent, line, order, answer } = await world();
  line.up = false;
  const { prepared, seen } = await order();
  assert.deepEqual(seen.progress, []);
  line.up = true;
  commands.resendAll(mac.id);
  commands.resendAll(mac.id);
  assert.equal(sent.length, 2);
  assert.deepEqual(sent[0]?.body, sent[1]?.body);
  assert.equal(sent[0]?.header.command?.signature, sent[1]?.header.command?.signature);
  await answer(prepared.id, prepared.bytes, 'refused', { reason: 'busy', message: 'try later' });
  commands.resendAll(mac.id);
  assert.equal(sent.length, 2);
  assert.equal(seen.outcome?.message, 'try later');
});

test('nothing but attach goes before the attach is accepted', async () => {
  const { mac, commands, sent, line, order } = await world();
  line.ready = false;
  await order();
  assert.equal(sent.length, 0);
  void commands.call(mac.id, 'zane/attach', {}, 'never').catch(() => undefined);
  await until(() => sent.length === 1);
});

test('an expired command ends by name: unknown once the Mac had it', async () => {
  const { clock, commands, line, order, answer } = await world();
  line.up = false;
  const first = await order();
  line.up = true;
  const second = await order();
  await answer(second.prepared.id, second.prepared.bytes, 'received');
  clock.advance(61_000);
  commands.expireOld();
  assert.equal(first.seen.outcome?.state, 'expired');
  assert.equal(second.seen.outcome?.state, 'unknown');
});

test('a call times out with a sentence, and a keystroke is never repeated', async () => {
  const { clock, mac, commands, sent, line } = await world();
  const asked = commands.call(mac.id, 'thread/list', {});
  await until(() => sent.length === 1);
  clock.advance(20_000);
  await assert.rejects(asked, /did not answer `thread\/list` within 20 s/);
  const key = commands.call(mac.id, 'process/writeStdin', {}, 'never');
  await until(() => sent.length === 2);
  commands.dropUnrepeatable('another Mac');
  assert.equal(commands.size, 1);
  commands.dropUnrepeatable(mac.id);
  await assert.rejects(key, CallError);
  commands.resendAll(mac.id);
  assert.equal(sent.length, 2);
  line.up = false;
  await assert.rejects(commands.call(mac.id, 'process/writeStdin', {}, 'never'), /not connected/);
});

test('an undeliverable command waits again', async () => {
  const { commands, order } = await world();
  const { prepared, seen } = await order();
  commands.undelivered(prepared.id, 'mac-offline', 'your Mac is asleep');
  assert.deepEqual(seen.progress, ['sent', 'saved']);
  assert.deepEqual(seen.trouble, ['your Mac is asleep']);
  assert.equal(seen.outcome, undefined);
});

test('what waits is bounded', async () => {
  const { commands, line, order } = await world();
  line.up = false;
  for (let i = 0; i < PENDING_COMMANDS_MAX; i++) await order();
  const { seen } = await order();
  assert.equal(seen.outcome?.reason, 'busy');
  assert.equal(commands.size, PENDING_COMMANDS_MAX);
});

test('signing keeps the order of what was typed', async () => {
  const { mac, commands, sent } = await world();
  for (let i = 0; i < 30; i++)
    void commands.call(mac.id, 'process/writeStdin', { n: i }, 'never').catch(() => undefined);
  await until(() => sent.length === 30);
  const order = sent.map(
    ({ body }) => (JSON.parse(new TextDecoder().decode(body)) as { params: { n: number } }).params.n,
  );
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
});

test('a Mac that is busy is asked again by itself, ever later, with the same bytes', async () => {
  const { clock, commands, sent, order } = await world();
  const { prepared, seen } = await order();
  let delay = 1_000;
  for (let asked = 1; asked <= 7; asked++) {
    assert.equal(sent.length, asked);
    commands.undelivered(prepared.id, 'busy', 'too much is under way');
    clock.advance(Math.min(delay, 59_999 - asked) - 1);
    if (delay < 16_000) assert.equal(sent.length, asked);
    clock.advance(1);
    delay *= 2;
    if (seen.outcome) break;
  }
  assert.ok(sent.length >= 6);
  assert.ok(sent.every(({ body }) => body === prepared.bytes));
  assert.equal(seen.outcome?.state, 'expired', 'and not beyond its time');
});

test('what was sent is not withdrawn', async () => {
  const { commands, line, order, sent, mac } = await world();
  const { prepared } = await order();
  commands.undelivered(prepared.id, 'mac-offline', '');
  assert.equal(commands.withdraw(prepared.id), false);
  line.ready = false;
  const waiting = await order();
  assert.equal(commands.withdraw(waiting.prepared.id), true);
  line.ready = true;
  commands.resendAll(mac.id);
  assert.deepEqual(
    sent.map(({ header }) => header.trace),
    [prepared.id, prepared.id],
  );
});

test('half a character becomes a mark in its place, whole ones are as they were', async () => {
  const { commands, mac } = await world();
  const prepared = await commands.prepare(mac.id, 'm', { text: 'a\ud83d b \ude00 \u{1f600} \\ud83d' }, 1);
  const body = JSON.parse(new TextDecoder().decode(prepared.bytes)) as { params: { text: string } };
  assert.equal(body.params.text, 'a\ufffd b \ufffd \u{1f600} \\ud83d');
});
