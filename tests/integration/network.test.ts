// Only relay (and Codex itself) reaches beyond loopback: supervisor, policy,
// webhook, Codex and the scripted model run in a network namespace that has
// nothing but loopback, relay outside of it, and the whole journey still works.
// And relay's TLS: a private CA is trusted when it is named, another is refused.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate } from '../../orbit/tool/orbit-process.ts';
import { root } from '../../script/lib/anchor.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { needsRoot, until, World } from '../harness/world.ts';

const namespace = `zane-${process.pid}`;
const inside = ['ip', 'netns', 'exec', namespace];
let model: ChildProcess | undefined;

before(() => {
  if (needsRoot) return;
  execFileSync('ip', ['netns', 'add', namespace]);
  execFileSync(inside[0]!, [...inside.slice(1), 'ip', 'link', 'set', 'lo', 'up']);
});
after(() => {
  model?.kill('SIGKILL');
  if (!needsRoot) execFileSync('ip', ['netns', 'del', namespace]);
});

/** The scripted model inside the namespace; the address it listens on there. */
async function modelInside(): Promise<string> {
  const child = spawn(
    inside[0]!,
    [
      ...inside.slice(1),
      process.execPath,
      join(root, 'tests/model/main.ts'),
      '--port',
      '0',
      '--scenario',
      join(root, 'tests/scenarios/journey.scenario'),
      '--until-stdin-closes',
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  model = child;
  const line = await new Promise<string>((done) =>
    child.stdout!.once('data', (data: Buffer) => done(data.toString())),
  );
  return (JSON.parse(line) as { baseUrl: string }).baseUrl;
}

test('with loopback alone for all but relay, a task starts, asks, is approved and runs', {
  skip: needsRoot,
}, async () => {
  const baseUrl = await modelInside();
  const world = await World.start({
    modelBaseUrl: baseUrl,
    anchor: { wrap: (service) => (service === 'relay' ? [] : inside) },
  });
  try {
    const codex = await world.codexPid();
    const ours = [
      ...(['policy', 'supervisor', 'webhook'] as const).map(
        (name) => world.anchor.services[name].child!.pid!,
      ),
      codex,
    ];
    const spaces = execFileSync('ip', ['netns', 'pids', namespace]).toString().split(/\s+/).map(Number);
    for (const pid of ours) assert.ok(spaces.includes(pid), `process ${pid} is in the namespace`);
    assert.ok(!spaces.includes(world.anchor.services.relay.child!.pid!));

    const phone = await NodePhone.enrol(world);
    const file = join(world.work, 'ran');
    const started = await phone.call('zane/task/start', {
      cwd: world.work,
      prompt: `escalate: touch ${file}`,
    });
    assert.equal(started.state, 'done', started.message);
    const row = await until('it asks', async () => (await world.json('approvals')).approvals[0]);
    const decided = await phone.call('zane/approval/decide', {
      approval: row.approval,
      digest: row.digest,
      choice: 'accept',
    });
    assert.equal(decided.state, 'done', decided.message);
    await until('it ran', () => existsSync(file));
  } finally {
    await world.close();
  }
});

test('wss with a private CA works when it is named; another CA is refused with a clear state', async () => {
  const folder = join(root, 'build', 'w', `tls-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const tls = makeCertificate(folder);
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    const world = await World.start({
      orbitOptions: { tls },
      settings: () => ({ orbit: { ca_file: tls.certFile } }),
    });
    try {
      const relay = await until('relay is ready', async () => {
        const parts = (await world.json('status')).parts as {
          name: string;
          state: string;
          message: string;
        }[];
        return parts.find((part) => part.name === 'relay' && part.state === 'ready');
      });
      assert.equal(relay.message, '');
    } finally {
      await world.close();
    }
    const other = await World.start({ orbitOptions: { tls }, waitForLink: false });
    try {
      const relay = await until('relay says why', async () => {
        const { stdout } = await other.zane('status', '--json');
        const parts = (stdout ? JSON.parse(stdout) : { parts: [] }).parts as {
          name: string;
          state: string;
          message: string;
        }[];
        return parts.find((part) => part.name === 'relay' && part.state === 'bad-certificate');
      });
      assert.match(relay.message, /not trusted.*ca_file/s);
      assert.equal((await other.zane('doctor')).code, 2);
    } finally {
      await other.close();
    }
  } finally {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
  }
});
