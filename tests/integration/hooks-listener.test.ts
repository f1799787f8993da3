// The loopback listener under those who connect and say nothing: with no descriptor
// left it waits instead of turning in a circle, and serves again when there is one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { preset, until, World } from '../harness/world.ts';

const SECRET = 'a secret of enough characters';
// UBSan opens a pipe to see whether memory can be read: with none to be had it takes
// every object for a bad one.
const onLinux =
  process.platform !== 'linux'
    ? 'needs prlimit and /proc'
    : preset === 'asan'
      ? 'UBSan itself needs descriptors'
      : false;
let world: World;
let port = 0;

before(async () => {
  port = await freePort();
  world = await World.start({
    settings: () => ({ webhook: { port } }),
    hooks: (w) => [
      {
        id: 'gh',
        scheme: 'github',
        secret_file: w.secretFile('gh.secret', SECRET),
        cwd: w.work,
        prompt: 'say: hook gh',
      },
    ],
  });
  await world.anchor.services.webhook.saw(' listening ');
});
after(() => world?.close());

async function deliver(body: string): Promise<number> {
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  return (
    await fetch(`http://127.0.0.1:${port}/hooks/gh`, {
      method: 'POST',
      body,
      headers: { 'x-hub-signature-256': signature },
    })
  ).status;
}

/** Each with the time after which it was let go: heard from the first moment on, as that may be at once. */
interface Silent {
  socket: Socket;
  closedAfterMs: Promise<number>;
}

async function silent(count: number): Promise<Silent[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Silent>((done, fail) => {
          const began = Date.now();
          const socket = connect(port, '127.0.0.1', () => done({ socket, closedAfterMs }));
          const closedAfterMs = new Promise<number>((closed) => {
            socket.once('close', () => closed(Date.now() - began));
          });
          socket.on('error', fail);
          socket.resume();
        }),
    ),
  );
}

test('with no descriptor left it waits, and serves again when there is one', { skip: onLinux }, async () => {
  const { webhook } = world.anchor.services;
  const pid = webhook.child!.pid!;
  const open = readdirSync(`/proc/${pid}/fd`).length;
  // Only the soft limit: the hard one could not be raised again by everybody.
  execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${open + 4}:`]);
  const sockets = await silent(12);
  const failures = (): number => (webhook.log.match(/ accept_failed /g) ?? []).length;
  await until('it can not accept', () => failures() > 0);
  const began = Date.now();
  const before_ = failures();
  for (let n = 0; n < 10; n++)
    assert.equal((await world.zane('hooks')).code, 0, 'the bus has its descriptors');
  assert.ok(
    failures() - before_ <= (Date.now() - began) / 100 + 2,
    `${failures() - before_} in ${Date.now() - began} ms`,
  );
  for (const { socket } of sockets) socket.destroy();
  await until('it serves again', async () => (await deliver('{"after":"none left"}').catch(() => 0)) === 202);
  execFileSync('prlimit', [`--pid=${pid}`, '--nofile=4096:']);
});

test('who still sends when it is refused hears why', async () => {
  const size = 3 * 1024 * 1024;
  const request = `POST /hooks/gh HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`;
  for (let n = 0; n < 5; n++) {
    const answer = await new Promise<string>((done, fail) => {
      let text = '';
      // As many do: all is written before the answer is read.
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(request, () => socket.resume());
      });
      socket
        .pause()
        .on('error', fail)
        .on('end', () => done(text));
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
    });
    assert.match(answer, /^HTTP\/1\.1 413 /);
  }
});

test('those who say nothing keep nobody out for long, and more than it takes are let go', async () => {
  const sockets = await silent(40);
  // Those beyond the bound at once, the rest at their deadline of 10 s. One that the
  // kernel dropped on its way is open on this side alone, and learns it when it speaks.
  setTimeout(() => {
    for (const { socket } of sockets) if (!socket.destroyed) socket.write('x');
  }, 15_000).unref();
  const times = (await Promise.all(sockets.map(({ closedAfterMs }) => closedAfterMs))).sort((a, b) => a - b);
  assert.ok(times[7]! < 5_000, `${times[7]} ms`);
  assert.ok(times.at(-1)! < 20_000, `${times.at(-1)} ms`);
  assert.equal(await deliver('{"after":"the silent"}'), 202);
});
