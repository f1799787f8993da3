// What Codex did while supervisor was away: the journal tells the hole, then what
// was missed, in Codex's own shapes, and in the end the thread that a page builds
// from the stream is, item by item, the one Codex itself tells.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { emptyThread, reduceThread } from '../../web/src/model/thread.ts';
import type { ThreadState } from '../../web/src/model/thread.ts';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';
import { AppServerClient } from '../model/app-server-client.ts';

let world: World;
let owner: NodePhone;
let codex: AppServerClient;

before(async () => {
  world = await World.start({ scenario: scenario() });
  owner = await NodePhone.enrol(world, 'owner');
  codex = await AppServerClient.connect(join(world.home, 'run/codex.sock'));
});
after(async () => {
  await codex?.close();
  await world?.close();
});

function scenario(): string {
  const file = join(import.meta.dirname, '../../build/missed.scenario');
  writeFileSync(
    file,
    `when the user says "work"
  say Before.
  wait for gone
  run echo MIDDLE
  say It went on alone.
  wait for back
  run echo AFTER
  say Done.
`,
  );
  return file;
}

interface CodexItem {
  id: string;
  type: string;
  text?: string;
  aggregatedOutput?: string;
}

/** Codex's own account of a turn. */
async function told(thread: string): Promise<{ status: string; items: CodexItem[] }> {
  const { data } = (await codex.request('thread/turns/list', {
    threadId: thread,
    limit: 1,
    sortDirection: 'desc',
    itemsView: 'full',
  })) as { data: { status: string; items: CodexItem[] }[] };
  return data[0]!;
}

async function restartSupervisor(meanwhile: () => Promise<void>): Promise<void> {
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  await meanwhile();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
}

/** The thread as a page would show it that has nothing but the stream. */
function shown(thread: string, stream: Follow): ThreadState {
  let state = reduceThread(emptyThread(thread), { kind: 'reset', epoch: 'e' });
  for (const event of stream.events)
    if (event.kind !== 'approval')
      state = reduceThread(state, {
        kind: 'message',
        epoch: 'e',
        seq: event.seq,
        message: JSON.parse(event.raw.toString()),
      });
  return state;
}

async function agrees(thread: string, name: string): Promise<void> {
  const stream = await Follow.open(owner, name, thread);
  await stream.find((event) => event.raw.includes('zane/whole'));
  const turn = shown(thread, stream).live.at(-1)!;
  const truth = await told(thread);
  assert.equal(turn.whole, true);
  assert.equal(turn.status, truth.status);
  assert.deepEqual(
    turn.items.map((item) => item.id),
    truth.items.map((item) => item.id),
  );
  const texts = (
    items: { type: string; text?: string; output?: string; aggregatedOutput?: string }[],
  ): string[] =>
    items
      .filter((item) => ['agent', 'agentMessage', 'command', 'commandExecution'].includes(item.type))
      .map((item) => item.text ?? item.output ?? item.aggregatedOutput ?? '');
  assert.deepEqual(texts(turn.items as never), texts(truth.items));
}

test('supervisor is away in mid-turn: the hole is told, what was missed follows, and at its end the turn is whole', async () => {
  const { thread } = await world.json('start', '-C', world.work, 'work');
  const stream = await Follow.open(owner, 'first', thread);
  await stream.find((event) => event.raw.includes('Before.'));
  await restartSupervisor(async () => {
    world.model.release('gone');
    await until('Codex went on', async () =>
      (await told(thread)).items.some((item) => item.text === 'It went on alone.'),
    );
  });
  const later = await Follow.open(owner, 'later', thread);
  const hole = await later.find((event) => event.raw.includes('zane/hole'));
  assert.equal(hole.kind, 'zane');
  const middle = await later.find((event) => event.kind === 'recovered' && event.raw.includes('MIDDLE'));
  assert.equal(JSON.parse(middle.raw.toString()).method, 'item/completed');
  assert.equal(shown(thread, later).live.at(-1)!.whole, false, 'not before its end');
  world.model.release('back');
  await agrees(thread, 'after');
});

test("supervisor is away over the turn's end: the end is told too", async () => {
  const { thread } = await world.json('start', '-C', world.work, 'work');
  const stream = await Follow.open(owner, 'second', thread);
  await stream.find((event) => event.raw.includes('Before.'));
  await restartSupervisor(async () => {
    world.model.release('gone');
    world.model.release('back');
    await until('the turn ended', async () => (await told(thread)).status === 'completed');
  });
  await agrees(thread, 'ended');
});

test('nothing was missed: nothing is told twice', async () => {
  const { thread } = await world.json('start', '-C', world.work, 'say hello');
  const stream = await Follow.open(owner, 'third', thread);
  await stream.find((event) => event.raw.includes('turn/completed'));
  await restartSupervisor(async () => undefined);
  const again = await Follow.open(owner, 'fourth', thread);
  await again.find((event) => event.raw.includes('turn/completed'));
  assert.deepEqual(
    again.events.filter((event) => event.kind === 'zane' || event.kind === 'recovered'),
    [],
  );
});
