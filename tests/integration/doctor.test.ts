// What can be wrong, made real, and that `zane doctor` names each with its cure.
// Home, keys, PATH and locale are in console.test.ts and bad-start.test.ts.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { root } from '../../script/lib/anchor.ts';
import type { ServiceName } from '../../script/lib/anchor.ts';
import { endAtStart, fakeCodex } from '../harness/fake-codex.ts';
import { Follow } from '../harness/follow.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { needsRoot, preset, until, World } from '../harness/world.ts';
import { AppServerClient } from '../model/app-server-client.ts';
import { judgePaired, pairFrame, readEnrolLink } from '../../web/src/link/pairing.ts';
import { makeDeviceKey, randomId } from '../../web/src/link/signed.ts';

const onLinux: string | false = process.platform === 'linux' ? false : 'reads /proc';
const SERVICES = ['supervisor', 'policy', 'relay', 'webhook'] as const;
let world: World;
let owner: NodePhone;
let ioError = '';

before(async () => {
  world = await World.start({
    // Of a provider that wants an account, as Codex's own does.
    settings: ({ codexHome, folder }) => {
      const config = join(codexHome, 'config.toml');
      writeFileSync(
        config,
        readFileSync(config, 'utf8').replace(
          'wire_api = "responses"',
          'wire_api = "responses"\nrequires_openai_auth = true',
        ),
      );
      ioError = join(folder, 'io-error');
      return {};
    },
    anchor: {
      // Writes to data/ fail with EIO while the file is there (tests/io_error).
      wrap: (name) =>
        onLinux || name === 'relay'
          ? []
          : [
              'env',
              `LD_PRELOAD=${join(root, 'build', preset, 'test-bin/libio_error.so')}`,
              `ZANE_IO_ERROR=${ioError}`,
            ],
    },
  });
  owner = await NodePhone.enrol(world, 'owner');
});
after(() => world?.close());

/** The line of doctor's that fits, as soon as there is one. */
function named(line: RegExp, of: World = world): Promise<string> {
  let last = '';
  return until(
    `doctor says ${line}`,
    async () => {
      const { stdout, stderr, code } = await of.zane('doctor');
      last = stdout + stderr;
      const found = last.split('\n').find((each) => line.test(each));
      if (found !== undefined && !found.startsWith('warn')) assert.notEqual(code, 0);
      return found;
    },
    30_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it said:\n${last}`);
  });
}
const well = (): Promise<unknown> =>
  until('all is well', async () => (await world.zane('doctor')).stdout.includes('\nall is well'), 30_000);

async function startAgain(name: ServiceName): Promise<void> {
  const service = world.anchor.services[name];
  const back = name === 'supervisor' ? service.saw(' codex_ready ', false) : undefined;
  service.start();
  await back;
}

test('Codex is not logged in: it is said from the start, and gone when it is', async () => {
  await named(/^FAIL {2}codex: logged-out.*`codex login`/);
  const account = await AppServerClient.connect(join(world.home, 'run/codex.sock'));
  await account.request('account/login/start', { type: 'apiKey', apiKey: 'none' });
  await well();
  await account.request('account/logout', {});
  await named(/^FAIL {2}codex: logged-out/);
  await account.request('account/login/start', { type: 'apiKey', apiKey: 'none' });
  await account.close();
  await well();
});

test('Codex is stuck: with its pid, and how to end it', async () => {
  const pid = await world.codexPid();
  process.kill(pid, 'SIGSTOP');
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  supervisor.start();
  try {
    await named(new RegExp(`^FAIL {2}codex: stuck: .*pid ${pid}.*\`kill ${pid}\``));
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await well();
  assert.equal(await world.codexPid(), pid, 'it was left alone');
});

test('Codex lives and its socket is gone: unreachable, no second one beside it', async () => {
  const pid = await world.codexPid();
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  rmSync(realpathSync(join(world.home, 'run/codex.sock')));
  rmSync(join(world.home, 'run/codex.sock'), { force: true });
  supervisor.start();
  await named(
    new RegExp(`^FAIL {2}codex: unreachable.*pid ${pid}\\) lives, but its socket is gone.*\`kill ${pid}\``),
  );
  process.kill(pid, 'SIGKILL');
  await well();
});

test('Codex ends at every start: a crash loop, with its last words and its log', async () => {
  const other = await World.start({ codexBinary: fakeCodex });
  try {
    endAtStart(other, true);
    process.kill(await other.codexPid(), 'SIGKILL');
    await named(/^FAIL {2}codex: crash-loop.*exit code 3.*codex\.log/, other);
  } finally {
    await other.close();
  }
});

for (const [store, name] of [
  ['policy.db', 'policy'],
  ['webhook.db', 'webhook'],
  ['ledger.db', 'supervisor'],
  ['journal.db', 'supervisor'],
] as const) {
  const setVersion = (version: number): number => {
    const db = new DatabaseSync(join(world.home, 'data', store));
    const before_ = db.prepare('PRAGMA user_version').get()!['user_version'] as number;
    db.exec(`PRAGMA user_version = ${version}`);
    db.close();
    return before_;
  };

  test(`${store} of a newer Zane: ${name} does not touch it, and says to update`, async () => {
    await world.anchor.services[name].stop();
    const version = setVersion(99);
    world.anchor.services[name].start();
    await named(new RegExp(`^FAIL {2}services: ${name} ended .*${store}.*newer Zane.*update Zane`));
    assert.equal(setVersion(version), 99, 'untouched');
    await startAgain(name);
    await well();
  });
}

test('a damaged store: it is set aside, its cure is named, and doctor still finds it later', async () => {
  const { webhook } = world.anchor.services;
  await webhook.stop();
  for (const part of ['-wal', '-shm']) rmSync(join(world.home, `data/webhook.db${part}`), { force: true });
  writeFileSync(join(world.home, 'data/webhook.db'), 'no database'.repeat(1000));
  webhook.start();
  await named(/^FAIL {2}webhook: degraded.*webhook\.db was damaged/);
  await named(/^warn {2}files: set aside as damaged: webhook\.db\.damaged-/);
  for (const name of readdirSync(join(world.home, 'data')))
    if (name.includes('.damaged-')) rmSync(join(world.home, 'data', name));
  await webhook.stop();
  webhook.start();
  await well();
});

/** An order has to be written down: what keeps it from that is seen. */
const order = (): Promise<unknown> =>
  owner.call('thread/name/set', { threadId: 'none', name: 'x' }).catch(() => undefined);

test('a file that somebody else holds: busy, and who to end', async () => {
  const db = new DatabaseSync(join(world.home, 'data/policy.db'));
  db.exec('PRAGMA busy_timeout=5000; BEGIN IMMEDIATE');
  await order();
  await named(/^FAIL {2}policy: degraded.*policy\.db.*locked.*another program holds it/);
  // It tries again and again, and is asked again and again: it is never taken for one that ended.
  for (let n = 0; n < 10; n++)
    assert.match((await world.zane('doctor')).stdout, /^FAIL {2}policy: degraded/m);
  db.exec('ROLLBACK');
  db.close();
  await well();
});

test('what policy does itself is refused in words while its file is held, and done afterwards', async () => {
  const link = readEnrolLink(new URL(await world.link()).hash)!;
  const device = await makeDeviceKey();
  const pair = async (answer: 'paired' | 'undelivered') => {
    const trace = randomId();
    const { header, body } = await pairFrame(link, device, 'late', Date.now(), trace);
    owner.line.send(header, body);
    return owner.line.next(answer, (each) => each.trace === trace);
  };
  const db = new DatabaseSync(join(world.home, 'data/policy.db'));
  db.exec('PRAGMA busy_timeout=5000; BEGIN IMMEDIATE');
  const { header } = await pair('undelivered');
  assert.equal(header.undelivered?.reason, 'busy');
  assert.match(header.undelivered?.message ?? '', /policy can't write now: .*another program holds it/);
  const link_ = await world.zane('pair');
  assert.equal(link_.code, 1, link_.stdout);
  assert.match(link_.stderr, /nothing was changed: policy can't write now: .*another program holds it/);
  db.exec('ROLLBACK');
  db.close();
  await well();
  const paired = await pair('paired');
  assert.equal((await judgePaired(link, device, paired.header, paired.bodies[0]!)).kind, 'paired');
  const names = (await world.json('devices')).devices.map(({ name }: { name: string }) => name);
  assert.deepEqual(
    names.filter((name: string) => name === 'late'),
    ['late'],
  );
});

test('the ledger that somebody else holds: told, and over by itself', async () => {
  const db = new DatabaseSync(join(world.home, 'data/ledger.db'));
  db.exec('PRAGMA busy_timeout=5000; BEGIN IMMEDIATE');
  const refused = await owner.call('zane/task/start', { cwd: world.work, prompt: 'say hello' });
  assert.deepEqual([refused.state, refused.reason], ['refused', 'disk']);
  await named(/^FAIL {2}supervisor: degraded.*can't write orders down.*ledger\.db.*another program holds it/);
  db.exec('ROLLBACK');
  db.close();
  await well();
});

test('a service is stopped: which, its pid, and how it goes on', async () => {
  for (const name of ['policy', 'relay', 'webhook', 'supervisor'] as const) {
    const { child } = world.anchor.services[name];
    child!.kill('SIGSTOP');
    const said =
      name === 'supervisor'
        ? 'zane: supervisor \\(pid PID\\) runs and does not answer'
        : `FAIL {2}${name}: stuck \\(pid PID\\)`;
    try {
      await named(new RegExp(`^${said}.*\`kill -CONT PID\``.replaceAll('PID', String(child!.pid))));
    } finally {
      child!.kill('SIGCONT');
    }
    await well();
  }
});

test('an I/O error: the disk itself', { skip: onLinux }, async () => {
  writeFileSync(ioError, '');
  await order();
  await named(/^FAIL {2}policy: degraded.*policy\.db.*I\/O error.*the disk itself fails/);
  await world.zane('start', '-C', world.work, 'say hello');
  rmSync(ioError);
  await well();
});

test("a piece of the journal that the disk can't read: set aside, said to who reads, and nobody ends of it", {
  skip: onLinux,
}, async () => {
  const { thread } = await world.json('start', '-C', world.work, 'say: on the disk');
  const first = await Follow.open(owner, 'first', thread);
  await first.find((event) => event.raw.includes('turn/completed'));
  const pids = (): unknown[] => SERVICES.map((name) => world.anchor.services[name].child!.pid);
  const before_ = pids();
  writeFileSync(`${ioError}.reads`, '');
  try {
    owner.line.send({ mac: world.mac, trace: 'unread', subscribe: { stream: 'unread', thread } });
    await owner.line.next('gap', (header) => header.gap?.stream === 'unread');
    assert.equal(
      (await owner.call('zane/task/start', { cwd: world.work, prompt: 'say: meanwhile' })).state,
      'done',
    );
  } finally {
    rmSync(`${ioError}.reads`);
  }
  await named(/^warn {2}files: set aside as damaged: (.*, )?[1-9]\d* of the journal's/);
  await well();
  const { thread: next } = await world.json('start', '-C', world.work, 'say: and on');
  const again = await Follow.open(owner, 'again', next);
  await again.find((event) => event.raw.includes('turn/completed'));
  assert.deepEqual(pids(), before_);
});

// UBSan opens a pipe to see whether memory can be read: without descriptors it ends the process.
test('no descriptors: which process has none left', {
  skip: preset === 'asan' ? 'UBSan itself needs descriptors' : onLinux,
}, async () => {
  const { pid } = world.anchor.services.supervisor.child!;
  const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let free = 0;
  while (used.has(free)) free++;
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${free}:8192`]);
  await named(new RegExp(`^FAIL {2}supervisor: .*pid ${pid}.* no file more.*ulimit -n`));
  execFileSync('prlimit', [`--pid=${pid}`, '--nofile=8192:8192']);
  await well();
});

test('a read-only disk and a full one are told by the disk check', { skip: needsRoot }, async () => {
  const data = join(world.home, 'data');
  await world.anchor.stop();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', data]);
  try {
    await named(/^FAIL {2}disk: 0 MiB free: make room|^FAIL {2}disk: 1 MiB free: make room/);
    execFileSync('mount', ['-o', 'remount,ro', data]);
    await named(/^FAIL {2}disk: it is mounted read-only/);
  } finally {
    execFileSync('umount', [data]);
  }
});
