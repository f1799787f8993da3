// Deliveries when the disk is full or webhook.db is damaged or gone: not taken, or
// taken again, never lost in silence; webhook itself stays up and says what is wrong.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { needsRoot, until, World } from '../harness/world.ts';

const SECRET = 'a secret of enough characters';
interface Part {
  name: string;
  state: string;
  message: string;
  pid: string;
}
let world: World;
let port = 0;
let data = '';

before(async () => {
  port = await freePort();
  world = await World.start({
    settings: ({ home }) => {
      data = join(home, 'data');
      mkdirSync(data, { mode: 0o700 });
      if (!needsRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', data]);
      return { webhook: { port } };
    },
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
after(async () => {
  await world?.anchor.stop();
  if (data && !needsRoot) execFileSync('umount', [data]);
  await world?.close();
});

const headers = (body: string): Record<string, string> => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
});
async function local(
  body: string,
): Promise<{ status: number; result: string; delivery: string; message?: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/hooks/gh`, {
    method: 'POST',
    body,
    headers: headers(body),
  });
  return { status: answer.status, ...((await answer.json()) as { result: string; delivery: string }) };
}
async function webhook(): Promise<Part> {
  return (JSON.parse((await world.zane('status', '--json')).stdout) as { parts: Part[] }).parts.find(
    (part) => part.name === 'webhook',
  )!;
}
async function results(): Promise<{ delivery: string; result: string }[]> {
  return (await world.json('hooks', '-n', '50')).deliveries;
}
const started = (delivery: string): Promise<string> =>
  until(
    `${delivery} is started`,
    async () =>
      (await results()).find((row) => row.delivery === delivery && row.result.startsWith('started '))?.result,
    60_000,
  );

function fill(): void {
  for (const size of [4 << 20, 1 << 20, 1 << 18, 1 << 16, 1 << 14, 1 << 12])
    for (;;) {
      try {
        writeFileSync(join(data, 'filler'), Buffer.alloc(size), { flag: 'a' });
      } catch {
        break;
      }
    }
}

test('with a full disk nothing is taken, Orbit keeps what came, and all is started when there is room', {
  skip: needsRoot,
}, async () => {
  await started((await local('{"n":0}')).delivery);
  const { pid } = await webhook();
  fill();
  const refused = await until('a delivery can not be kept', async () => {
    const taken = await local(`{"full":"${'x'.repeat(200_000)}"}`);
    return taken.status === 503 ? taken : undefined;
  });
  assert.match(refused.message ?? '', /could not be written down: .*(full|space)/i);
  const body = JSON.stringify({ viaOrbit: 'x'.repeat(200_000) });
  const posted = await fetch(`${world.orbit.url}/hooks/${world.user}.gh`, {
    method: 'POST',
    body,
    headers: headers(body),
  });
  assert.equal(posted.status, 202, 'Orbit has it');
  const trouble = await webhook();
  assert.equal(trouble.state, 'degraded');
  assert.match(trouble.message, /can't write for \d+ s: .*make room on the disk/);
  assert.equal(trouble.pid, pid, 'no loop of restarts');
  rmSync(join(data, 'filler'));
  await until('webhook is well again by itself', async () => (await webhook()).state === 'ready', 60_000);
  assert.equal((await webhook()).pid, pid);
  const again = await local('{"n":1}');
  assert.equal(again.status, 202);
  await started(again.delivery);
  // relay tries again; Orbit would hand it over anew after a minute only.
  await until(
    'what Orbit kept is started too',
    async () => {
      const rows = await results();
      return rows.filter((row) => row.result.startsWith('started ')).length >= 3 ? true : undefined;
    },
    30_000,
  );
});

for (const [what, harm] of [
  [
    'damaged',
    (file: string) => {
      writeFileSync(file, 'no database at all, but longer than a header of one '.repeat(20));
    },
  ],
  [
    'a folder',
    (file: string) => {
      rmSync(file);
      mkdirSync(file);
    },
  ],
] as const)
  test(`a webhook.db that is ${what} is set aside, said, and costs no later delivery`, async () => {
    const service = world.anchor.services.webhook;
    await service.stop();
    const file = join(data, 'webhook.db');
    for (const log of ['-wal', '-shm']) rmSync(file + log, { force: true });
    harm(file);
    service.start();
    const part = await until('it says so', async () => {
      const now = await webhook();
      return now.state === 'degraded' ? now : undefined;
    });
    assert.match(
      part.message,
      /webhook\.db was damaged and is now .*webhook\.db\.damaged-\d+: .*may start again/,
    );
    assert.ok(readdirSync(data).some((name) => name.startsWith('webhook.db.damaged-')));
    const taken = await local(`{"after":"${what}"}`);
    assert.equal(taken.status, 202);
    await started(taken.delivery);
    await service.stop();
    service.start();
    await until('the next start knows nothing of it', async () => (await webhook()).state === 'ready');
    assert.match(
      (await world.zane('doctor')).stdout,
      /warn {2}files: set aside as damaged: .*webhook\.db\.damaged-/,
    );
  });

test('a webhook.db that is gone is made anew, and said', async () => {
  const service = world.anchor.services.webhook;
  await service.stop();
  for (const part of ['', '-wal', '-shm']) rmSync(join(data, `webhook.db${part}`), { force: true });
  service.start();
  const part = await until('it says so', async () => {
    const now = await webhook();
    return now.state === 'degraded' ? now : undefined;
  });
  assert.match(part.message, /webhook\.db is gone: .*may start again/);
  await started((await local('{"after":"gone"}')).delivery);
});
