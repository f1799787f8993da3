// What other people's gRPC tools find at the admin socket: health, and a
// description good enough to call the service by.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { root } from '../../script/lib/anchor.ts';
import { call, connect, descriptorSet } from '../grpc/client.ts';
import { preset, until, World } from '../harness/world.ts';

const ADMIN = 'zane.v1.Admin';
let world: World;
let socket: string;

before(async () => {
  world = await World.start();
  socket = join(world.home, 'run/admin.sock');
});
after(() => world?.close());

test('health says that it serves, as a whole and by service', async () => {
  const health = connect('health.proto', 'grpc.health.v1.Health', socket);
  for (const service of ['', ADMIN]) {
    assert.deepEqual(await call(health, 'Check', { service }), { status: 'SERVING' });
  }
  await assert.rejects(
    call(health, 'Check', { service: 'no.such.Service' }),
    (error: ServiceError) => error.code === status.NOT_FOUND,
  );
  health.close();
});

interface Reflected {
  list_services_response?: { service: { name: string }[] };
  file_descriptor_response?: { file_descriptor_proto: Buffer[] };
}

test('reflection names the services, and what it says of one is enough to call it', async () => {
  const reflection = connect('reflection.proto', 'grpc.reflection.v1alpha.ServerReflection', socket);
  const stream = reflection['ServerReflectionInfo']();
  const ask = (question: object): Promise<Reflected> =>
    new Promise((done, failed) => {
      stream.once('data', done);
      stream.once('error', failed);
      stream.write(question);
    });
  const services = (await ask({ list_services: '' })).list_services_response!.service.map(({ name }) => name);
  assert.ok(services.includes(ADMIN) && services.includes('grpc.health.v1.Health'), services.join());
  const files = (await ask({ file_containing_symbol: ADMIN })).file_descriptor_response!
    .file_descriptor_proto;
  stream.end();
  reflection.close();

  const admin = connect(descriptorSet(files), ADMIN, socket);
  const told = await call<{ parts: { name: string; state: string }[] }>(admin, 'Status', {});
  const shown = await world.json('status');
  assert.deepEqual(
    told.parts.map(({ name, state }) => [name, state]),
    shown.parts.map(({ name, state }: { name: string; state: string }) => [name, state]),
  );
  admin.close();
});

/** Of supervisor; 0 where the system does not say. */
function threads(): number {
  const pid = world.anchor.services.supervisor.child?.pid;
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).length : 0;
}

test('with nobody connected gRPC ends, and is there again for the next', async () => {
  const health = connect('health.proto', 'grpc.health.v1.Health', socket);
  await call(health, 'Check', { service: ADMIN });
  const served = threads();
  health.close();
  await until('its threads have ended', () => served === 0 || threads() < served, 30_000);
  const again = connect('health.proto', 'grpc.health.v1.Health', socket);
  assert.deepEqual(await call(again, 'Check', { service: ADMIN }), { status: 'SERVING' });
  again.close();
});

test('connections that say nothing take no more than their places', async () => {
  const { supervisor } = world.anchor.services;
  const refused = (): number => supervisor.log.match(/ console_refused /g)?.length ?? 0;
  const silent: Socket[] = [];
  // The kernel's own queue is short: who finds no place in it tries again.
  while (silent.length < 70) {
    const one = createConnection(socket);
    const taken = await Promise.race([
      once(one, 'connect').then(
        () => true,
        () => false,
      ),
      once(one, 'error').then(() => false),
    ]);
    if (taken) silent.push(one.on('error', () => undefined));
  }
  await until(
    'the last six were hung up on',
    () => refused() === 6 && silent.filter((each) => each.closed).length === 6,
  );
  for (const each of silent) each.destroy();
  await until('there is room again', async () => (await world.zane('status')).code === 0);
});

test('who talks no gRPC is hung up on and takes no place, also one whose bytes nobody read', async () => {
  for (let n = 0; n < 70; n++) {
    const one = createConnection(socket)
      .on('error', () => undefined)
      .resume();
    one.write(Buffer.alloc(100_000, 'x'));
    await until('it is hung up on', () => one.closed || one.readableEnded || one.destroyed);
    one.destroy();
  }
  assert.equal((await world.zane('status')).code, 0);
  const before = threads();
  await until('and gRPC ends', () => before === 0 || threads() < before, 30_000);
});

test('a call that nobody waits for any more keeps no console from its answer, and no end of supervisor waiting', async () => {
  const { policy, supervisor } = world.anchor.services;
  policy.child?.kill('SIGSTOP');
  try {
    const left = spawn(join(root, 'build', preset, 'bin/zane'), ['threads'], {
      env: { ...process.env, ZANE_HOME: world.home },
      stdio: 'ignore',
    });
    await until('somebody else is answered', async () => (await world.zane('status')).stdout !== '');
    left.kill('SIGKILL');
    const from = performance.now();
    await until('gRPC would have ended with its last connection', () => performance.now() > from + 6_000);
    const asked = performance.now();
    assert.notEqual((await world.zane('status')).stdout, '');
    assert.ok(performance.now() - asked < 5_000, 'it is answered');
    const ending = performance.now();
    await supervisor.stop();
    assert.ok(performance.now() - ending < 3_000, `it took ${performance.now() - ending} ms to end`);
  } finally {
    policy.child?.kill('SIGCONT');
    supervisor.start();
  }
});

const onLinux =
  process.platform !== 'linux'
    ? 'needs prlimit and /proc'
    : preset === 'asan'
      ? 'UBSan itself needs descriptors'
      : false;

test('with few descriptors left a console is hung up on, and supervisor lives', {
  skip: onLinux,
}, async () => {
  const { supervisor } = world.anchor.services;
  await supervisor.stop();
  const ready = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await ready;
  // libzmq's own listener aborts without a descriptor: the bus has its peers first.
  await until('the bus is there', async () => (await world.zane('status')).code === 0);
  await until('gRPC has ended', async () => threads() < 10, 30_000);
  const pid = supervisor.child!.pid!;
  for (const spare of [1, 2, 3, 4, 8, 16, 23]) {
    const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    let limit = 0;
    for (let free = 0; free < spare; limit++) if (!used.has(limit)) free++;
    // Only the soft limit: the hard one could not be raised again by everybody.
    execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${limit}:`]);
    assert.notEqual((await world.zane('status')).code, 0);
    assert.equal(
      supervisor.child?.pid,
      pid,
      `${spare}: ${supervisor.lastExit} ${supervisor.log.slice(-500)}`,
    );
  }
  execFileSync('prlimit', [`--pid=${pid}`, '--nofile=4096:']);
  await until('it is answered again', async () => (await world.zane('status')).code === 0);
  assert.equal(supervisor.child?.pid, pid);
});
