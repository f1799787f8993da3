// What Codex or a phone should never send: it is skipped, counted and answered,
// and whoever did nothing wrong notices nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fakeCodex, responses } from '../harness/fake-codex.ts';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

const MIB = 1024 * 1024;
let world: World;
let owner: NodePhone;
let pids: Record<string, number | undefined>;

const services = () =>
  Object.fromEntries(
    Object.entries(world.anchor.services).map(([name, service]) => [name, service.child?.pid]),
  );

before(async () => {
  world = await World.start({ codexBinary: fakeCodex });
  owner = await NodePhone.enrol(world, 'owner');
  pids = services();
});
after(() => world?.close());

async function start(prompt: string): Promise<string> {
  return (await world.json('start', '-C', world.work, prompt)).thread;
}

/** A thread that exists, so that a stream of it sees all of the next turn. */
async function followed(): Promise<{ thread: string; stream: Follow }> {
  const thread = await start('say hello');
  return { thread, stream: await Follow.open(owner, thread.slice(0, 8), thread) };
}

async function turn(thread: string, prompt: string): Promise<void> {
  const begun = await owner.call('turn/start', { threadId: thread, input: [{ type: 'text', text: prompt }] });
  assert.equal(begun.state, 'done', begun.message);
}

async function isReady(): Promise<boolean> {
  const status = await world.zane('status', '--json');
  return status.code === 0;
}

const has = (text: string) => (event: { raw: Buffer }) => event.raw.includes(text);

test('what is no JSON-RPC is skipped, and a method nobody knows passes through untouched', async () => {
  const { thread, stream } = await followed();
  const codex = await world.codexPid();
  await turn(thread, 'malformed;say and on it goes');
  const odd = await stream.find(has('"zane/odd"'));
  const id = JSON.parse(odd.raw.toString()).params.turnId;
  assert.equal(
    odd.raw.toString(),
    `{"method":"zane/odd","params":{"threadId":"${thread}","turnId":"${id}","odd":[null,{"deep":[[[[]]]]},1e300,"\\u0000\\ud83d\\ude00"]}}`,
  );
  await stream.find(has('and on it goes'));
  assert.match(world.anchor.services.supervisor.log, /codex_message_refused .*count=3/);
  assert.equal(await world.codexPid(), codex);
  assert.deepEqual(services(), pids);
});

test('a message too long for the bus is named to the phone, and what follows it arrives', async () => {
  const { thread, stream } = await followed();
  await turn(thread, `overlong ${3 * MIB};say after the long one`);
  const named = await stream.find((event) => event.kind === 'too-large');
  assert.equal(JSON.parse(named.raw.toString()).bytes, 3 * MIB);
  await stream.find(has('after the long one'));
  // And the same out of the journal, for a page that comes later.
  const later = await Follow.open(owner, 'later', thread);
  await later.find((event) => event.kind === 'too-large');
  await later.find(has('after the long one'));
  assert.deepEqual(services(), pids);
});

test('an answer too long for the bus is said to be too long, and the next one comes', async () => {
  const long = await owner.call('fake/long', { bytes: 3 * MIB });
  assert.equal(long.state, 'failed');
  assert.equal(long.reason, 'too-large');
  assert.equal((await owner.call('fake/long', { bytes: 3 })).result.text, 'xxx');
});

test('a message beyond every bound costs itself: the turn is told as one with a hole, and goes on', async () => {
  const { thread, stream } = await followed();
  const codex = await world.codexPid();
  await turn(thread, `overlong ${65 * MIB};say and on it goes`);
  const hole = await stream.find(has('"zane/hole"'));
  assert.equal(hole.kind, 'zane');
  await stream.find(has('and on it goes'));
  assert.doesNotMatch(world.anchor.services.supervisor.log, /the connection to codex ended/);
  assert.equal(await world.codexPid(), codex, 'it is the same Codex');
  assert.deepEqual(services(), pids);
});

test('a message that is not UTF-8 costs the connection and nothing else', async () => {
  const codex = await world.codexPid();
  const told = world.anchor.services.supervisor.saw('the connection to codex ended', false);
  await start('bad utf8');
  await told;
  await until('Codex is attached again', isReady);
  assert.equal(await world.codexPid(), codex, 'it is the same Codex');
  const thread = await start('say well again');
  const stream = await Follow.open(owner, thread.slice(0, 8), thread);
  await stream.find(has('well again'));
  assert.deepEqual(services(), pids);
});

test('five requests at once, answered in reverse: each answer reaches its own, byte for byte', async () => {
  const { thread, stream } = await followed();
  const before_ = responses(world).length;
  await turn(thread, 'approve command file permissions input unknown');
  await stream.find(has('item/whatever/requestApproval'));
  const rows = (await world.json('approvals')).approvals.filter(
    (row: { thread: string }) => row.thread === thread,
  );
  assert.equal(rows.length, 5);
  const ids = new Map<string, number>();
  for (const { bodies, kind } of stream.events)
    if (kind === 'approval')
      ids.set(
        JSON.parse(Buffer.from(bodies[0]!).toString()).approval,
        JSON.parse(Buffer.from(bodies[1]!).toString()).id,
      );
  const choices: Record<string, [string, string]> = {
    'item/commandExecution/requestApproval': ['accept', '"result":{"decision":"accept"}'],
    'item/fileChange/requestApproval': ['decline', '"result":{"decision":"decline"}'],
    'item/permissions/requestApproval': ['decline', '"result":{"permissions":{},"scope":"turn"}'],
    'item/tool/requestUserInput': ['answer', '"result":{"answers":{"q":{"answers":["this one"]}}}'],
    'item/whatever/requestApproval': ['decline', '"error":{"code":-32601,"message":"declined by the user"}'],
  };
  const wanted: string[] = [];
  rows.sort(
    (a: { approval: string }, b: { approval: string }) => ids.get(b.approval)! - ids.get(a.approval)!,
  );
  for (const row of rows) {
    const [choice, answer] = choices[row.method]!;
    const answers = choice === 'answer' ? { answers: { q: ['this one'] } } : {};
    const decided = await owner.call('zane/approval/decide', {
      approval: row.approval,
      digest: row.digest,
      choice,
      ...answers,
    });
    assert.equal(decided.state, 'done', decided.message);
    wanted.push(`{"id":${ids.get(row.approval)},${answer}}`);
  }
  await stream.find(
    (event) =>
      has('"turn/completed"')(event) && event.seq > stream.events.find((e) => e.kind === 'approval')!.seq,
  );
  assert.deepEqual(
    responses(world)
      .slice(before_)
      .map((response) => response.raw),
    wanted,
  );
});

test("a phone's bad frames are answered, and the Mac's link stays", async () => {
  const other = await NodePhone.enrol(world, 'other');
  // Bodies that do not fit their lengths: only relay looks at them.
  other.line.raw(
    `${JSON.stringify({ mac: world.mac, trace: 'short', lengths: [100], command: { device: 'd', signature: 's' } })}\nnot a hundred`,
  );
  const short = await other.line.next('undelivered', (header) => header.trace === 'short');
  assert.equal(short.header.undelivered?.reason, 'bad-frame');
  other.line.send({ mac: world.mac, trace: 'none', command: { device: 'd', signature: 's' } });
  assert.equal(
    (await other.line.next('undelivered', (header) => header.trace === 'none')).header.undelivered?.reason,
    'bad-frame',
  );
  const large = await other.call('zane/devices', { padding: 'x'.repeat(300 * 1024) });
  assert.equal(large.state, 'refused');
  assert.equal(large.reason, 'bad-command');
  // What is no frame at all costs that page its socket, and says why.
  other.line.raw('not a header\n');
  const closed = await other.line.closed;
  assert.equal(closed.code, 4011);
  assert.match(closed.reason, /header line is not JSON/);
  assert.equal((await owner.call('zane/devices', {})).state, 'done');
  assert.equal(world.anchor.services.relay.log.match(/ linked /g)?.length, 1);
});
