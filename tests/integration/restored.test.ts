// A backup put back while the machine runs: a page that has seen more than the copy
// knows learns that its place is gone, and no place is given to another event.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../script/lib/anchor.ts';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { preset, until, World } from '../harness/world.ts';

const run = promisify(execFile);

let world: World;
let owner: NodePhone;
let deliver: (body: string) => Promise<number>;

before(async () => {
  const port = await freePort();
  world = await World.start({
    settings: () => ({ webhook: { port } }),
    hooks: (w) => [{ id: 'h', scheme: 'hmac', cwd: w.work, prompt: 'say: by a hook' }],
  });
  deliver = async (body) => {
    const secret = readFileSync(join(world.home, 'keys/hooks/h'), 'utf8').trim();
    const at = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    const answer = await fetch(`http://127.0.0.1:${port}/hooks/h`, {
      method: 'POST',
      body,
      headers: { 'x-zane-timestamp': at, 'x-zane-signature': `sha256=${signature}` },
    });
    return answer.status;
  };
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

/** A hook's task as webhook asks policy for it. */
async function asWebhook(delivery: string, again: boolean): Promise<{ state: string; reason: string }> {
  const taskRequest = {
    hook: 'h',
    hookName: 'h',
    delivery,
    cwd: world.work,
    payload: Buffer.from('x').toString('base64'),
    again,
  };
  const { stdout } = await run(
    join(root, 'build', preset, 'test-bin/bus_peer'),
    ['webhook', 'policy', JSON.stringify({ id: delivery, taskRequest })],
    { env: { ...process.env, ZANE_HOME: world.home } },
  );
  const { state, reason } = JSON.parse(stdout).commandAnswer;
  return { state, reason };
}

/** One of the stores, put back to how it was before `since`. */
async function putBack(service: 'policy' | 'webhook', since: () => Promise<void>): Promise<void> {
  const { [service]: its } = world.anchor.services;
  const stores = (folder: string): string[] =>
    readdirSync(folder).filter((file) => file.startsWith(`${service}.db`));
  await its.kill();
  mkdirSync(backup());
  for (const file of stores(data())) cpSync(join(data(), file), join(backup(), file));
  its.start();
  await answers(service);
  await since();
  await its.kill();
  for (const file of stores(data())) rmSync(join(data(), file));
  for (const file of stores(backup())) cpSync(join(backup(), file), join(data(), file));
  rmSync(backup(), { recursive: true });
  its.start();
  await answers(service);
}

async function part(name: string): Promise<{ state: string; message: string }> {
  const { stdout } = await world.zane('status', '--json');
  return JSON.parse(stdout).parts.find((each: { name: string }) => each.name === name);
}
async function answers(service: string): Promise<void> {
  await until(`${service} answers`, async () => ['ready', 'degraded'].includes((await part(service)).state));
  if (service === 'policy')
    await until(
      'it takes orders',
      async () => (await owner.call('thread/list', { limit: 1 })).state === 'done',
    );
}

test('policy.db restored from a copy: what was refused since is not carried out, what was done is not done again', async () => {
  const later = join(world.work, 'later');
  const refused = await owner.signed('zane/task/start', { cwd: later, prompt: 'say: refused before' });
  const done = await owner.signed('zane/task/start', { cwd: world.work, prompt: 'say: done before' });
  const away = await owner.signed('zane/task/start', {
    cwd: world.work,
    prompt: 'say: done before, asked about while nobody knows',
  });
  const role = await owner.signed('zane/device/role', { device: owner.device.id, role: 'owner' });
  const send = (order: typeof refused) => owner.receipt(owner.send(order), order);
  let first: Awaited<ReturnType<typeof send>> | undefined;
  await putBack('policy', async () => {
    assert.deepEqual([(await send(refused)).state, (await send(role)).state], ['refused', 'done']);
    first = await send(done);
    assert.equal(first.state, 'done');
    assert.equal((await send(away)).state, 'done');
  });
  mkdirSync(later);
  const again = await send(refused);
  assert.deepEqual([again.state, again.reason, again.verified], ['refused', 'expired', true]);
  assert.deepEqual((await send(done)).result, first?.result, 'the ledger knows what became of it');
  assert.deepEqual(
    [(await send(role)).state, (await send(role)).reason],
    ['unknown', 'expired'],
    'it was done once, and is not done again',
  );
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  const told = await owner.receiptAtLast(owner.send(away), away);
  assert.equal(told.state, 'unknown', 'that nothing happened only the ledger can say');
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  assert.equal((await send(away)).state, 'done', 'and it does, once it is there');
  const { threads } = await world.json('threads', '-n', '100');
  const prompts = threads.map((each: { preview: string }) => each.preview);
  assert.deepEqual(
    ['say: refused before', 'say: done before'].map(
      (prompt) => prompts.filter((each: string) => each === prompt).length,
    ),
    [0, 1],
  );
  assert.equal(
    (await owner.call('zane/task/start', { cwd: later, prompt: 'say: a new order' })).state,
    'done',
    'new ones are taken at once',
  );
  const { state, message } = await part('policy');
  assert.equal(state, 'degraded');
  assert.match(message, /policy\.db is an older copy .*not begun any more/);
  assert.match((await world.zane('doctor')).stdout, /policy\.db is an older copy/);
});

test('webhook.db restored from a copy: said with what it costs', async () => {
  await putBack('webhook', async () => assert.equal(await deliver('after the copy'), 202));
  assert.match((await part('webhook')).message, /webhook\.db is an older copy .*may start again/);
  assert.equal(await deliver('and it goes on'), 202);
});

for (const [what, names] of [
  ['journal', ['journal']],
  ['ledger', ['ledger']],
  ['both', ['journal', 'ledger']],
] as const)
  test(`${what} restored from a copy: a new epoch, and a page's later place is a gap`, async () => {
    await say(`before the copy of ${what}`);
    await without(() => cpSync(data(), backup(), { recursive: true }));
    await say(`after the copy of ${what}`);
    const seen = await place();
    await without(() => {
      const its = (folder: string): string[] =>
        readdirSync(folder).filter((file) => names.some((name) => file.startsWith(name)));
      for (const file of its(data())) rmSync(join(data(), file), { recursive: true });
      for (const file of its(backup())) cpSync(join(backup(), file), join(data(), file), { recursive: true });
    });
    rmSync(backup(), { recursive: true });
    const now = await place();
    assert.notEqual(now.epoch, seen.epoch);
    for (let n = 0; (await place()).seq <= seen.seq; n++) await say(`to pass the place ${n}`);
    owner.line.send({
      mac: world.mac,
      trace: what,
      subscribe: { stream: what, after: { epoch: seen.epoch, seq: String(seen.seq) } },
    });
    const { header } = await owner.line.next('subscribed', (each) => each.trace === what);
    assert.deepEqual([header.subscribed?.resumed ?? false, header.subscribed?.reason], [false, 'new epoch']);
    if (what === 'journal') return;
    // A delivery that one of its tries may have begun: where it stood is gone.
    assert.deepEqual(await asWebhook(`${what} again`, true), { state: 'unknown', reason: 'expired' });
    assert.equal((await asWebhook(`${what} new`, false)).state, 'done');
    const status = await world.zane('status');
    assert.match(status.stdout, /ledger\.db is an older copy .*look before you repeat one/);
  });

test('a mere kill goes on in the same epoch', async () => {
  const { epoch } = await place();
  await without(() => undefined);
  assert.equal((await place()).epoch, epoch);
  await until('all is well but for the notice', async () => (await world.zane('threads')).code === 0);
});

test('policy.db that is gone: said, and the phone is told to pair', async () => {
  const { policy } = world.anchor.services;
  await policy.kill();
  for (const file of readdirSync(data())) if (file.startsWith('policy.db')) rmSync(join(data(), file));
  policy.start();
  await until('policy answers', async () => (await part('policy')).state === 'degraded');
  assert.match((await part('policy')).message, /policy\.db is gone: .*zane pair/);
  assert.equal((await owner.call('thread/list', { limit: 1 })).reason, 'unknown-device');
  await policy.kill();
  policy.start();
  await until('and said once', async () => (await part('policy')).state === 'ready');
});
