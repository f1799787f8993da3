// Where parts meet: a frame that comes twice, a service that is stopped or killed
// under an order, a terminal that talks without end, a console call at shutdown, a
// damaged file. Real services, real Codex, real Orbit.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

let world: World;
let owner: NodePhone;

before(async () => {
  world = await World.start();
  owner = await NodePhone.enrol(world, 'owner');
});
after(() => world?.close());

type Name = 'supervisor' | 'policy' | 'relay' | 'webhook';
async function restart(name: Name): Promise<void> {
  const service = world.anchor.services[name];
  await service.kill();
  service.start();
}
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function spawn(processHandle: string, command: string[]): Promise<void> {
  const spawned = await owner.call('process/spawn', {
    command,
    cwd: world.work,
    processHandle,
    tty: true,
    size: { rows: 24, cols: 80 },
    env: {},
    outputBytesCap: null,
    timeoutMs: null,
  });
  assert.equal(spawned.state, 'done', spawned.message);
}

test('a keystroke that comes twice is typed once, at the same moment or later', async () => {
  const file = join(world.work, 'typed.txt');
  await spawn('typed', ['/bin/sh', '-c', `stty -echo; while read line; do echo "$line" >> ${file}; done`]);
  await until('the shell reads', async () => {
    await owner.call('process/writeStdin', { processHandle: 'typed', deltaBase64: base64('ready\n') });
    return existsSync(file);
  });
  for (let n = 0; n < 5; n++) {
    const stroke = await owner.signed('process/writeStdin', {
      processHandle: 'typed',
      deltaBase64: base64(`line ${n}\n`),
    });
    const traces = [owner.send(stroke), owner.send(stroke)];
    for (const trace of traces) assert.equal((await owner.receipt(trace, stroke)).state, 'done');
    assert.equal(
      (await owner.receipt(owner.send(stroke), stroke)).state,
      'done',
      'and once more when it is over',
    );
  }
  await owner.call('process/writeStdin', { processHandle: 'typed', deltaBase64: base64('last\n') });
  await until('all of it is there', async () => readFileSync(file, 'utf8').includes('last'));
  assert.deepEqual(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('line')),
    [0, 1, 2, 3, 4].map((n) => `line ${n}`),
  );
  await owner.call('process/kill', { processHandle: 'typed' });
});

test('an order under which a service is killed has its true end without a new attach, and took place once', async () => {
  for (const name of ['policy', 'supervisor'] as const)
    for (let n = 0; n < 3; n++) {
      const prompt = `say order ${name} ${n}`;
      const order = await owner.signed('zane/task/start', { cwd: world.work, prompt });
      const trace = owner.send(order);
      // At another station each time.
      if (n === 1) await owner.line.next('receipt', (header) => header.trace === trace);
      if (n === 2)
        await until('it is on its way through supervisor', async () =>
          readFileSync(join(world.home, 'data/ledger.db-wal')).includes(`/${order.id}`),
        );
      await restart(name);
      const receipt = await owner.receipt(trace, order);
      // Between the note that it is on its way and the write to Codex nobody can know, and that is what is said.
      if (name === 'supervisor' && n === 2 && receipt.state === 'unknown') {
        assert.equal(await mentions(prompt), 0);
        continue;
      }
      assert.equal(receipt.state, 'done', `${prompt}: ${receipt.reason} ${receipt.message}`);
      await until('it is listed', async () => (await mentions(prompt)) === 1);
      const again = await owner.receipt(owner.send(order), order);
      assert.deepEqual(again.result, receipt.result);
      assert.equal(await mentions(prompt), 1);
    }
});

test('under way when policy and supervisor die, it is never told as refused while supervisor is away', async () => {
  const { policy, supervisor } = world.anchor.services;
  const prompt = 'say both of them died';
  const order = await owner.signed('zane/task/start', { cwd: world.work, prompt });
  const trace = owner.send(order);
  await until('it is on its way through supervisor', async () =>
    readFileSync(join(world.home, 'data/ledger.db-wal')).includes(`/${order.id}`),
  );
  await Promise.all([policy.kill(), supervisor.kill()]);
  policy.start();
  // policy gives an absent supervisor ten seconds.
  const first = await owner.receiptAtLast(trace, order);
  assert.ok(
    ['unknown', 'done'].includes(first.state),
    `${first.state} ${first.reason}: it may have been carried out`,
  );
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  const known = await owner.receiptAtLast(owner.send(order), order);
  // Killed before its note was whole it was never begun, and never will be.
  assert.ok(
    ['done', 'unknown', 'refused'].includes(known.state),
    `${known.state} ${known.reason} ${known.message}`,
  );
  assert.ok((await mentions(prompt)) <= (known.state === 'refused' ? 0 : 1));
  if (known.state === 'done') await until('it is listed', async () => (await mentions(prompt)) === 1);
});

test('an order whose time was over while supervisor stood still is not begun', async () => {
  const { child } = world.anchor.services.supervisor;
  const prompt = 'say too late';
  child!.kill('SIGSTOP');
  try {
    const order = await owner.signed(
      'zane/task/start',
      { cwd: world.work, prompt },
      { expiresAt: Date.now() + 1_500 },
    );
    const trace = owner.send(order);
    await until(
      'its time is over',
      () => Date.now() > JSON.parse(Buffer.from(order.body).toString()).expiresAt,
    );
    child!.kill('SIGCONT');
    const word = await owner.receiptAtLast(trace, order);
    assert.deepEqual([word.state, word.reason], ['refused', 'expired'], word.message);
    assert.equal((await owner.receiptAtLast(owner.send(order), order)).state, 'refused', 'and so it stays');
  } finally {
    child!.kill('SIGCONT');
  }
  assert.equal(
    (await owner.call('zane/task/start', { cwd: world.work, prompt: 'say in time' })).state,
    'done',
  );
  await until('the one in time is listed', async () => (await mentions('say in time')) === 1);
  assert.equal(await mentions(prompt), 0);
});

async function mentions(prompt: string): Promise<number> {
  const { threads } = await world.json('threads', '-n', '100');
  return threads.filter((each: { preview: string }) => each.preview === prompt).length;
}

test('a terminal that talks without end costs neither the link nor a receipt, and Ctrl-C ends it', async () => {
  const { relay } = world.anchor.services;
  const links = (relay.log.match(/ linked /g) ?? []).length;
  await spawn('loud', ['/bin/sh', '-c', 'yes a line of a program that talks without end']);
  for (let n = 0; n < 10; n++) {
    for (let heard = 0; heard < 50; heard++) await owner.line.next('signal', () => true);
    assert.equal((await owner.call('thread/list', { limit: 1 })).state, 'done');
  }
  assert.equal(
    (await owner.call('process/writeStdin', { processHandle: 'loud', deltaBase64: base64('\u0003') })).state,
    'done',
  );
  for (;;) {
    const { bodies } = await owner.line.next('signal', () => true);
    if (JSON.parse(Buffer.from(bodies[0]!).toString()).method === 'process/exited') break;
  }
  assert.equal((relay.log.match(/ linked /g) ?? []).length, links, 'the link was never made anew');
  assert.doesNotMatch(relay.log, /link_outbox_full|4009/);
});

test("nothing of ours but its three descriptors is in Codex's hands", {
  skip: process.platform === 'linux' ? false : 'reads /proc',
}, async () => {
  const pid = await world.codexPid();
  const ours = readdirSync(`/proc/${world.anchor.services.supervisor.child!.pid}/fd`).map((fd) =>
    linkOf(world.anchor.services.supervisor.child!.pid!, fd),
  );
  const sockets = new Set(ours.filter((link) => link.startsWith('socket:')));
  assert.ok(sockets.size > 3, 'the look would find some');
  const codexs = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(pid, fd));
  assert.deepEqual(
    codexs.filter(
      (link) =>
        sockets.has(link) ||
        link.startsWith(join(world.home, 'data')) ||
        link.startsWith(join(world.home, 'run')),
    ),
    [],
  );
});

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

test('SIGTERM ends supervisor in time while a console call waits, and the call hears why', {
  skip: process.platform === 'linux' ? false : 'reads /proc',
}, async () => {
  const { supervisor, policy } = world.anchor.services;
  policy.child!.kill('SIGSTOP');
  const held = (): number => readdirSync(`/proc/${supervisor.child!.pid}/fd`).length;
  const before_ = held();
  const call = world.zane('threads');
  await until('the call has come', async () => held() > before_);
  const began = performance.now();
  const ended = new Promise((done) => supervisor.child!.once('exit', done));
  supervisor.child!.kill('SIGTERM');
  await ended;
  assert.ok(performance.now() - began < 5_000, 'within five seconds');
  policy.child!.kill('SIGCONT');
  assert.notEqual((await call).code, 0);
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
});

test('a lost or damaged journal costs history and no approval', async () => {
  const { thread } = await world.json('start', '-C', world.work, 'escalate: touch kept.txt');
  const open = await until('it asks', async () =>
    (await world.json('approvals')).approvals.find((row: { thread: string }) => row.thread === thread),
  );
  for (const damage of ['deleted', 'garbage'] as const) {
    const { supervisor } = world.anchor.services;
    await supervisor.kill();
    for (const part of ['', '-wal', '-shm'])
      rmSync(join(world.home, `data/journal.db${part}`), { force: true });
    const segments = join(world.home, 'data/journal');
    if (damage === 'deleted') rmSync(segments, { recursive: true });
    else
      for (const file of ['../journal.db', ...readdirSync(segments)])
        writeFileSync(join(segments, file), 'this is no journal, by far'.repeat(1000));
    const back = supervisor.saw(' codex_ready ', false);
    supervisor.start();
    await back;
    const [row] = (await world.json('approvals')).approvals;
    assert.equal(row.approval, open.approval, damage);
    assert.equal(row.state, 'open');
  }
  assert.equal((await world.zane('approve', open.approval)).code, 0);
  await until(
    'it is applied',
    async () =>
      (await world.json('approvals', '--all')).approvals.find(
        (row: { approval: string }) => row.approval === open.approval,
      )?.state === 'applied',
  );
});

test('a damaged policy.db is set aside with its cure, and phones are told to pair again', async () => {
  const { policy } = world.anchor.services;
  await policy.kill();
  for (const part of ['-wal', '-shm']) rmSync(join(world.home, `data/policy.db${part}`), { force: true });
  writeFileSync(join(world.home, 'data/policy.db'), 'no database'.repeat(1000));
  policy.start();
  const part = await until('it says so', async () => {
    const { stdout } = await world.zane('status', '--json');
    return (JSON.parse(stdout) as { parts: { name: string; state: string; message: string }[] }).parts.find(
      (each) => each.name === 'policy' && each.state === 'degraded',
    );
  });
  assert.match(part.message, /policy\.db was damaged.*zane pair/);
  assert.ok(readdirSync(join(world.home, 'data')).some((name) => name.startsWith('policy.db.damaged-')));
  const attach = await owner.signed('zane/attach', { protocol: { min: 1, max: 1 }, release: 'test' });
  const refused = await owner.receipt(owner.send(attach), attach);
  assert.deepEqual([refused.state, refused.reason], ['refused', 'unknown-device']);
  assert.equal(refused.statement.command, attach.id, 'the page knows it for its own answer');
});
