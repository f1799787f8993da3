// Codex or supervisor dies at a bad moment: no approval is lost, none is
// answered twice, none is shown as open that nobody waits for any more.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endAtStart, fakeCodex, responses } from '../harness/fake-codex.ts';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

/** A loop that spun would begin far more often in the time these tests take. */
const STARTS_MAX = 12;

interface Part {
  name: string;
  state: string;
  message: string;
  pid: string;
}
let world: World;
let owner: NodePhone;
let list: Follow;

before(async () => {
  world = await World.start({ codexBinary: fakeCodex });
  owner = await NodePhone.enrol(world, 'owner');
  list = await Follow.open(owner, 'list');
});
after(() => world?.close());

async function parts(): Promise<Part[]> {
  const { stdout } = await world.zane('status', '--json');
  return stdout ? (JSON.parse(stdout) as { parts: Part[] }).parts : [];
}

async function codex(): Promise<Part | undefined> {
  return (await parts()).find((part) => part.name === 'codex');
}

const ready = () => until('codex is ready', async () => (await codex())?.state === 'ready', 60_000);

/** A turn that asks, and its open approval. */
async function ask(kind = 'command'): Promise<{ approval: string; digest: string }> {
  const { thread } = await world.json('start', '-C', world.work, `approve ${kind}`);
  return until('it is open', async () =>
    (await world.json('approvals')).approvals.find((row: { thread: string }) => row.thread === thread),
  );
}

async function stateOf(approval: string): Promise<string> {
  return (await world.json('approvals', '--all')).approvals.find(
    (row: { approval: string }) => row.approval === approval,
  )?.state;
}

/** Milliseconds from one start of Codex to the next, as the log has them. */
function startPauses(): number[] {
  const lines = world.anchor.services.supervisor.log
    .split('\n')
    .filter((line) => line.includes(' codex_started '));
  const times = lines.map((line) => Date.parse(/\S+/.exec(line)![0]));
  return times.slice(1).map((time, at) => time - times[at]!);
}

async function killSupervisor(): Promise<void> {
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const again = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await again;
}

test('Codex crashes in mid-turn: its approval is orphaned with the reason, and it is started again', async () => {
  const before_ = await parts();
  const { approval, digest } = await ask();
  await world.zane('start', '-C', world.work, 'crash');
  const step = await list.step(approval, 'orphaned');
  assert.match(step.reason, /Codex .*(ended|restarted)/);
  await ready();
  const now = await parts();
  assert.notEqual(now[0]!.pid, before_[0]!.pid);
  assert.deepEqual(
    now.slice(1).map((part) => [part.name, part.pid, part.state]),
    before_.slice(1).map((part) => [part.name, part.pid, 'ready']),
  );
  const late = await owner.call('zane/approval/decide', { approval, digest, choice: 'accept' });
  assert.equal(late.reason, 'closed');
  assert.deepEqual(responses(world), []);
});

test('supervisor killed with an approval open: the same one is there, and Codex gets one answer', async () => {
  const { approval } = await ask();
  await killSupervisor();
  assert.equal(await stateOf(approval), 'open');
  assert.equal((await world.zane('approve', approval)).code, 0);
  await until('it is applied', async () => (await stateOf(approval)) === 'applied');
  assert.equal(responses(world).length, 1);
  assert.match(responses(world)[0]!.raw, /"result":\{"decision":"accept"\}/);
});

test('supervisor killed while deciding: the decision is sent again when the request is, and once', async () => {
  const already = responses(world).length;
  const { approval } = await ask('file');
  await world.zane('start', '-C', world.work, 'stop listening');
  assert.equal((await world.zane('approve', approval)).code, 0);
  assert.equal(await stateOf(approval), 'deciding');
  await killSupervisor();
  await until('it is applied', async () => (await stateOf(approval)) === 'applied');
  assert.equal(responses(world).length, already + 1);
});

test('a Codex that ends at every start is a crash loop with its cure, not a spin', async () => {
  const { approval } = await ask();
  endAtStart(world, true);
  process.kill(await world.codexPid(), 'SIGKILL');
  const looping = await until(
    'the loop is seen as one',
    async () => {
      const part = await codex();
      return part?.state === 'crash-loop' ? part : undefined;
    },
    60_000,
  );
  assert.match(looping.message, /exit code 3.*told to end at once.*codex\.log/s);
  assert.equal((await world.zane('status')).code, 2);
  const others = (await parts()).slice(1);
  assert.deepEqual(
    others.map((part) => part.state),
    ['ready', 'ready', 'ready', 'ready'],
  );
  const starts = world.anchor.services.supervisor.log.match(/ codex_started /g)!.length;
  assert.ok(starts <= STARTS_MAX, `codex was started ${starts} times`);
  // Five quick ends in a row: the last pause is 200 ms doubled four times, and a busy machine only makes it longer.
  const pauses = startPauses();
  assert.ok(pauses.at(-1)! >= 3_100, `it is tried again after ${pauses.join(', ')} ms`);
  assert.equal(await stateOf(approval), 'orphaned', 'nobody waits for this answer any more');
  const told = await owner.call('thread/list', {});
  assert.notEqual(told.state, 'done');
  endAtStart(world, false);
  await ready();
});
