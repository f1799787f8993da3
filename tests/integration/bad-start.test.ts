// What can be wrong on a machine before anything runs: each service says what it
// is and how to cure it, and what is not concerned runs on.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Anchor, SERVICES, writeConfig } from '../../script/lib/anchor.ts';
import type { ServiceName } from '../../script/lib/anchor.ts';
import { bin, until, World } from '../harness/world.ts';
import type { Ran } from '../harness/world.ts';

/** sysexits.h */
const EX = { noInput: 66, cantCreate: 73, tempFail: 75, config: 78 } as const;

interface Part {
  name: string;
  state: string;
  message: string;
}
const busy = createServer();
let world: World;

before(async () => {
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  world = await World.start({
    codexBinary: 'no-such-codex',
    waitForCodex: false,
    settings: () => ({ webhook: { port: (busy.address() as AddressInfo).port } }),
  });
});
after(async () => {
  busy.close();
  await world?.close();
});

function run(service: ServiceName, home: string): Promise<Ran> {
  return new Promise((done) => {
    execFile(
      join(bin, service),
      { env: { ...process.env, ZANE_HOME: home }, timeout: 20_000 },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

function zaneOf(home: string, ...args: string[]): Promise<Ran> {
  return new Promise((done) => {
    execFile(
      join(bin, 'zane'),
      args,
      { env: { ...process.env, ZANE_HOME: home }, timeout: 20_000 },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

async function part(name: string): Promise<Part> {
  const { stdout } = await world.zane('status', '--json');
  return (JSON.parse(stdout) as { parts: Part[] }).parts.find((p) => p.name === name)!;
}

test('with no Codex on PATH `zane doctor` names the cure, and the rest is up', async () => {
  const told = await until('doctor says so', async () => {
    const doctor = await world.zane('doctor');
    return doctor.stdout.includes('no-such-codex') ? doctor : undefined;
  });
  assert.notEqual(told.code, 0);
  assert.match(
    told.stdout,
    /FAIL\s+codex: down: no `no-such-codex` on PATH: install Codex .* or set `binary` under \[codex\]/,
  );
  for (const name of ['supervisor', 'policy', 'relay']) assert.equal((await part(name)).state, 'ready', name);
  const started = await world.zane('start', '-C', world.work, 'anything');
  assert.notEqual(started.code, 0);
  assert.match(started.stderr, /no `no-such-codex` on PATH|codex is not running/);
});

test('a busy webhook port is said with its cure, and taken when it is free', async () => {
  const { port } = busy.address() as AddressInfo;
  const webhook = await part('webhook');
  assert.equal(webhook.state, 'degraded');
  assert.match(webhook.message, new RegExp(`127\\.0\\.0\\.1:${port}: .*set \`port\` under \\[webhook\\]`));
  const closed = once(busy, 'close');
  busy.close();
  await closed;
  await until('the port is taken', async () => (await part('webhook')).state === 'ready');
  const answer = await fetch(`http://127.0.0.1:${port}/hooks/none`, { method: 'POST', body: '{}' });
  assert.notEqual(answer.status, 202);
});

test('a second service for the same home is refused', async () => {
  for (const service of SERVICES) {
    const second = await run(service, world.home);
    assert.equal(second.code, EX.tempFail, `${service}: ${second.stderr}`);
    assert.match(second.stderr, new RegExp(`another ${service} already runs`));
  }
  assert.equal((await part('supervisor')).state, 'ready', 'the first one is not disturbed');
});

test('an unknown key in zane.toml ends each service with the nearest known one', async () => {
  const home = join(world.folder, 'k');
  mkdirSync(home, { mode: 0o700 });
  writeConfig(home, { webhook: { prot: 1 } });
  for (const service of SERVICES) {
    const ended = await run(service, home);
    assert.equal(ended.code, EX.config, `${service}: ${ended.stderr}`);
    assert.match(ended.stderr, /unknown key `prot`: did you mean `port`\?/);
  }
});

test('a home that can not be written to is named with the cure', async () => {
  const file = join(world.folder, 'file');
  writeFileSync(file, '');
  for (const service of SERVICES) {
    const ended = await run(service, join(file, 'home'));
    assert.equal(ended.code, EX.cantCreate, `${service}: ${ended.stderr}`);
    assert.match(ended.stderr, /can't make .*: set ZANE_HOME to a folder you can write to/);
  }
});

test('a key that was lost beside what it signed is an error with its cure, and no new identity', async (t) => {
  const home = join(world.folder, 'l');
  const anchor = new Anchor({ home, bin });
  t.after(() => anchor.stop());
  const { mac } = await anchor.keys();
  // The keys come first: it is the database that the last case is about.
  await until('policy has its database', async () => existsSync(join(home, 'data/policy.db')));
  await anchor.stop();
  const keys = join(home, 'keys');
  for (const [key, cure] of [
    ['mac', /pair your phones again/],
    ['link', /register this Mac with your Orbit anew/],
  ] as const) {
    renameSync(join(keys, `${key}.pem`), join(home, 'kept.pem'));
    for (const service of key === 'mac'
      ? (['policy', 'supervisor', 'relay'] as const)
      : (['policy', 'relay'] as const)) {
      const ended = await run(service, home);
      assert.equal(ended.code, EX.noInput, `${service}: ${ended.stderr}`);
      assert.match(ended.stderr, /key_lost .*restore it from a backup/);
      assert.match(ended.stderr, cure);
      assert.ok(!existsSync(join(keys, `${key}.pem`)), 'none is made');
    }
    assert.match((await zaneOf(home, 'doctor')).stdout, new RegExp(`FAIL {2}keys: .*${key}\\.pem`));
    renameSync(join(home, 'kept.pem'), join(keys, `${key}.pem`));
  }
  // The public half went with it: the paired phones are still there.
  for (const file of ['mac.pem', 'mac.pub']) rmSync(join(keys, file));
  assert.equal((await run('policy', home)).code, EX.noInput);
  // The cure that was named.
  renameSync(join(home, 'data/policy.db'), join(home, 'policy.db.old'));
  for (const file of ['link.pem', 'link.pub']) rmSync(join(keys, file));
  const again = await anchor.keys();
  await anchor.stop();
  assert.notEqual(again.mac, mac);
});
