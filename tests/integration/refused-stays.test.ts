// What was refused stays refused: the same signed bytes, sent again by whoever kept
// them, get the first answer and do nothing, also when policy has been restarted and
// the reason for the refusal has gone. Real services, real Codex.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { NodePhone } from '../harness/node-phone.ts';
import type { Receipt, Signed } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

let world: World;
let owner: NodePhone;

before(async () => {
  world = await World.start();
  owner = await NodePhone.enrol(world, 'owner');
});
after(() => world?.close());

async function restartPolicy(): Promise<void> {
  const { policy } = world.anchor.services;
  await policy.kill();
  policy.start();
  await until('policy answers', async () => {
    const { stdout } = await world.zane('status', '--json');
    return (
      stdout.length > 0 &&
      JSON.parse(stdout).parts.find((part: { name: string }) => part.name === 'policy').state === 'ready'
    );
  });
}

async function comesBack(supervisor: typeof world.anchor.services.supervisor): Promise<void> {
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
}

async function task(phone: NodePhone, prompt: string, cwd = world.work): Promise<Signed> {
  return phone.signed('zane/task/start', { cwd, prompt }, { expiresAt: Date.now() + 3_600_000 });
}

async function starts(prompt: string): Promise<number> {
  const { threads } = await world.json('threads', '-n', '100');
  return threads.filter((each: { preview: string }) => each.preview === prompt).length;
}

async function stays(phone: NodePhone, order: Signed, first: Receipt, prompt: string): Promise<void> {
  for (let n = 0; n < 2; n++) {
    const again = await phone.receipt(phone.send(order), order);
    assert.equal(again.verified, true);
    assert.deepEqual(again.statement, first.statement, 'the very same answer');
    await restartPolicy();
  }
  assert.equal(await starts(prompt), 0);
  // A new order of the same words is a new order.
  const anew = await task(phone, prompt, JSON.parse(Buffer.from(order.body).toString()).params.cwd);
  assert.equal(
    (await phone.receipt(phone.send(anew), anew)).state,
    'done',
    'the reason for the refusal has gone',
  );
  await until('it is listed', async () => (await starts(prompt)) === 1);
}

test('refused for its role, and the role was given afterwards', async () => {
  const guest = await NodePhone.enrol(world, 'guest');
  const setRole = (role: string): Promise<Receipt> =>
    owner.call('zane/device/role', { device: guest.device.id, role });
  assert.equal((await setRole('viewer')).state, 'done');
  const prompt = 'say: by a viewer';
  const order = await task(guest, prompt);
  const first = await guest.receipt(guest.send(order), order);
  assert.deepEqual([first.state, first.reason], ['refused', 'role']);
  assert.equal((await setRole('owner')).state, 'done');
  await restartPolicy();
  await stays(guest, order, first, prompt);
});

test('refused for a folder that was not there, and the folder was made afterwards', async () => {
  const folder = join(world.work, 'later');
  const prompt = 'say: in a folder';
  const order = await task(owner, prompt, folder);
  const first = await owner.receipt(owner.send(order), order);
  assert.deepEqual([first.state, first.reason], ['refused', 'bad-command']);
  mkdirSync(folder);
  await restartPolicy();
  await stays(owner, order, first, prompt);
});

test('refused because supervisor was away, and it came back', async () => {
  const prompt = 'say: while supervisor was away';
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const order = await task(owner, prompt);
  const first = await owner.receiptAtLast(owner.send(order), order);
  assert.deepEqual([first.state, first.reason], ['refused', 'codex-down']);
  await comesBack(supervisor);
  await restartPolicy();
  await stays(owner, order, first, prompt);
});

test("refused because the phone's clock was ahead, and then its time came", async () => {
  const prompt = 'say: ahead of time';
  const issuedAt = Date.now() + 5 * 60_000 + 6_000;
  const order = await owner.signed(
    'zane/task/start',
    { cwd: world.work, prompt },
    { issuedAt, expiresAt: issuedAt + 3_600_000 },
  );
  const first = await owner.receipt(owner.send(order), order);
  assert.deepEqual([first.state, first.reason], ['refused', 'clock']);
  await until('it would be good now', () => Date.now() > issuedAt - 5 * 60_000);
  await stays(owner, order, first, prompt);
});

/** While it is held nothing can be written to policy.db: as on a full disk. */
function lockPolicyDb(): () => void {
  const db = new DatabaseSync(join(world.home, 'data/policy.db'));
  db.exec('PRAGMA busy_timeout=5000; BEGIN IMMEDIATE');
  return () => {
    db.exec('ROLLBACK');
    db.close();
  };
}

test('a refusal that can not be written down is not told until it is', async () => {
  const prompt = 'say: while nothing could be written';
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const order = await task(owner, prompt);
  const trace = owner.send(order);
  await owner.line.next('receipt', (header) => header.trace === trace);
  const unlock = lockPolicyDb();
  let told = false;
  const answer = owner.receiptAtLast(trace, order).then((receipt) => {
    told = true;
    return receipt;
  });
  answer.catch(() => undefined);
  await world.anchor.services.policy.saw(' weather ', false, 30_000);
  assert.equal(told, false);
  unlock();
  const first = await until('it is told', () => (told ? answer : undefined), 30_000);
  assert.deepEqual([first.state, first.reason], ['refused', 'codex-down']);
  await comesBack(supervisor);
  await restartPolicy();
  await stays(owner, order, first, prompt);
});

test('an order that could not be written down is refused, and stays so when there is room again', async () => {
  const prompt = 'say: when there was no room';
  const unlock = lockPolicyDb();
  const order = await task(owner, prompt);
  const first = await owner.receipt(owner.send(order), order);
  unlock();
  assert.deepEqual([first.state, first.reason], ['refused', 'busy']);
  const { policy } = world.anchor.services;
  await until(
    'policy is well again',
    async () => policy.log.includes(' weather_over ') && (await world.zane('status')).code === 0,
  );
  // What it remembered is written by its next look, every two seconds.
  await until('the refusal is written down', () => {
    const db = new DatabaseSync(join(world.home, 'data/policy.db'), { readOnly: true });
    try {
      return (
        db.prepare('SELECT count(*) AS n FROM commands WHERE id LIKE ?').get(`%/${order.id}`)!['n'] === 1
      );
    } finally {
      db.close();
    }
  });
  await restartPolicy();
  await stays(owner, order, first, prompt);
});
