// A backup put back while the machine runs: a page that has seen more than the copy
// knows learns that its place is gone, and no place is given to another event.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

let world: World;
let owner: NodePhone;

before(async () => {
  world = await World.start();
  owner = await NodePhone.enrol(world, 'owner');
});
after(() => world?.close());

async function place(): Promise<{ epoch: string; seq: number }> {
  const { epoch, headSeq } = JSON.parse((await world.zane('status', '--json')).stdout);
  return { epoch, seq: Number(headSeq) };
}

/** Turns that are over, so that nothing more is said. */
async function say(words: string): Promise<void> {
  const { thread } = await world.json('start', '-C', world.work, `say: ${words}`);
  const stream = await Follow.open(owner, words, thread);
  await stream.find((event) => event.raw.includes('turn/completed'));
}

async function without(supervisorDo: () => void): Promise<void> {
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  supervisorDo();
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
}

const data = (): string => join(world.home, 'data');
const backup = (): string => join(world.folder, 'backup');

for (const [what, names] of [['journal', ['journal']], ['ledger', ['ledger']], ['both', ['journal', 'ledger']]] as const)
  test(`${what} restored from a copy: a new epoch, and a page's later place is a gap`, async () => {
    await say(`before the copy of ${what}`);
    await without(() => cpSync(data(), backup(), { recursive: true }));
    await say(`after the copy of ${what}`);
    const seen = await place();
    await without(() => {
      const its = (folder: string): string[] => readdirSync(folder).filter((file) => names.some((name) => file.startsWith(name)));
      for (const file of its(data())) rmSync(join(data(), file), { recursive: true });
      for (const file of its(backup())) cpSync(join(backup(), file), join(data(), file), { recursive: true });
    });
    rmSync(backup(), { recursive: true });
    const now = await place();
    assert.notEqual(now.epoch, seen.epoch);
    for (let n = 0; (await place()).seq <= seen.seq; n++) await say(`to pass the place ${n}`);
    owner.line.send({ mac: world.mac, trace: what, subscribe: { stream: what, after: { epoch: seen.epoch, seq: String(seen.seq) } } });
    const { header } = await owner.line.next('subscribed', (each) => each.trace === what);
    assert.deepEqual([header.subscribed?.resumed ?? false, header.subscribed?.reason], [false, 'new epoch']);
    if (what === 'journal') return;
    const status = await world.zane('status');
    assert.match(status.stdout, /ledger\.db is an older copy .*look before you repeat one/);
  });

test('a mere kill goes on in the same epoch', async () => {
  const { epoch } = await place();
  await without(() => undefined);
  assert.equal((await place()).epoch, epoch);
  await until('all is well but for the notice', async () => (await world.zane('threads')).code === 0);
});
