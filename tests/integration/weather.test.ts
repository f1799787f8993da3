// A full disk is weather: a named state with its age and cure, no abort, no loop of
// restarts, nothing told that was not stored, and recovery by itself with the turn
// and the terminal still there. The data folder is a small file system of its own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { needsRoot, until, World } from '../harness/world.ts';

interface Part {
  name: string;
  state: string;
  message: string;
  pid: string;
}
let world: World;
let owner: NodePhone;
let data = '';

before(async () => {
  if (needsRoot) return;
  world = await World.start({
    settings: ({ home }) => {
      data = join(home, 'data');
      mkdirSync(data, { mode: 0o700 });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', data]);
      return {};
    },
  });
  owner = await NodePhone.enrol(world, 'owner');
});
after(async () => {
  await world?.anchor.stop();
  if (data) execFileSync('umount', [data]);
  await world?.close();
});

async function parts(): Promise<Part[]> {
  return (JSON.parse((await world.zane('status', '--json')).stdout) as { parts: Part[] }).parts;
}
const pids = async (): Promise<string[]> => (await parts()).map((part) => `${part.name} ${part.pid}`);
const filler = (): string => join(data, 'filler');

function fill(): void {
  for (const size of [4 << 20, 1 << 20, 1 << 18, 1 << 16, 1 << 14, 1 << 12])
    for (;;) {
      try {
        writeFileSync(filler(), Buffer.alloc(size), { flag: 'a' });
      } catch {
        break;
      }
    }
}

test('the disk fills in mid-turn: all parts live, say since when and why, and lose nothing', {
  skip: needsRoot,
}, async () => {
  const before_ = await pids();
  const { thread } = await world.json('start', '-C', world.work, 'work: gate');
  const stream = await Follow.open(owner, 'full', thread);
  const spawned = {
    command: ['/bin/sh'],
    cwd: world.work,
    processHandle: 'sh',
    tty: true,
    size: { rows: 24, cols: 80 },
    env: {},
    outputBytesCap: null,
    timeoutMs: null,
  };
  assert.equal((await owner.call('process/spawn', spawned)).state, 'done');
  fill();
  world.model.release('gate');
  const broken = await until('they say so', async () => {
    const found = (await parts()).filter((part) => part.state === 'degraded');
    return found.some((part) => part.name === 'supervisor') ? found : undefined;
  });
  assert.match(
    broken.find((part) => part.name === 'supervisor')!.message,
    /can't write.* for \d+ s: .*data\/journal\/.*No space left.*make room/,
  );
  const order = await owner.call('zane/task/start', { cwd: world.work, prompt: 'say hello' });
  assert.equal(order.state, 'refused');
  assert.match(order.message ?? '', /nothing was done/);
  assert.deepEqual(await pids(), before_, 'nobody was restarted');

  rmSync(filler());
  await until('all is well again', async () => (await world.zane('status')).code === 0);
  await stream.find((event) => event.raw.includes('turn/completed'));
  assert.deepEqual(await pids(), before_);
  assert.equal(
    (
      await owner.call('process/writeStdin', {
        processHandle: 'sh',
        deltaBase64: Buffer.from('touch still-here\n').toString('base64'),
      })
    ).state,
    'done',
  );
  await until('the terminal is still there', async () => existsSync(join(world.work, 'still-here')));
  assert.equal(
    (await owner.call('zane/task/start', { cwd: world.work, prompt: 'say hello again' })).state,
    'done',
  );
});
