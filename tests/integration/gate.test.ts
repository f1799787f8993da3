// The gate: who may do what, and that nothing steps around policy. Real services
// and real Codex; the phones are signed frames without a page.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../../script/lib/anchor.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { bin, needsRoot, preset, until, World } from '../harness/world.ts';

const run = promisify(execFile);
let world: World;
let owner: NodePhone;

before(async () => {
  world = await World.start({ settings: ({ work }) => ({ policy: { folders: [join(work, 'allowed')] } }) });
  mkdirSync(join(world.work, 'allowed'));
  owner = await NodePhone.enrol(world, 'owner');
});
after(() => world?.close());

async function audit(): Promise<
  { what: string; decision: string; who: string; reason: string; count?: number }[]
> {
  return (await owner.call('zane/audit', {})).result.records;
}

async function busPeer(as: string, to: string, envelope: unknown): Promise<string> {
  const body = typeof envelope === 'string' ? envelope : JSON.stringify(envelope);
  const { stdout } = await run(join(root, 'build', preset, 'test-bin/bus_peer'), [as, to, body], {
    env: { ...process.env, ZANE_HOME: world.home },
  });
  return stdout.trim();
}

async function withRole(role: string): Promise<NodePhone> {
  const phone = await NodePhone.enrol(world, role);
  const changed = await owner.call('zane/device/role', { device: phone.device.id, role });
  assert.equal(changed.state, 'done', changed.message);
  return phone;
}

test("an effect that does not come with policy's key is refused and audited", async () => {
  const marker = join(world.work, 'stolen');
  const effect = {
    id: 'x',
    effect: {
      commandId: 'c',
      client: 'x',
      call: {
        method: 'process/spawn',
        params: Buffer.from(
          JSON.stringify({ command: ['touch', marker], cwd: world.work, processHandle: 'p' }),
        ).toString('base64'),
      },
    },
  };
  for (const as of ['relay', 'webhook', 'supervisor']) {
    const answer = await busPeer(as, 'supervisor', effect);
    assert.match(answer, /not-yours/, `${as}: ${answer}`);
    await until(`${as} is in the audit log`, async () =>
      (await audit()).some((r) => r.what === 'effect-refused' && r.who === as),
    );
  }
  for (const as of ['stranger', 'nobody']) assert.equal(await busPeer(as, 'supervisor', effect), 'no answer');
  await until(
    'peers without a key are in the audit log, coalesced',
    async () => (await audit()).some((r) => r.what === 'peer-refused' && (r.count ?? 1) >= 1),
    30_000,
  );
  assert.equal(existsSync(marker), false);
  // The same effect with policy's key is carried out: the refusals above were for the key.
  await busPeer('policy', 'supervisor', effect);
  await until('the marker is there', () => existsSync(marker));
});

/** envelope.proto: each message and its writers. Bodies that do nothing where they are taken. */
const WRITERS: [to: string, body: Record<string, unknown>, from: string[]][] = [
  ['policy', { signedCommand: { device: 'none' } }, ['relay']],
  ['policy', { pairRequest: { request: '' } }, ['relay']],
  [
    'policy',
    {
      consoleCommand: {
        method: 'zane/devices',
        params: Buffer.from('{}').toString('base64'),
        commandId: 'c',
      },
    },
    ['supervisor'],
  ],
  ['policy', { approvalQuestion: { approval: 'none' } }, ['supervisor']],
  ['policy', { auditNote: { what: 'a test', who: 'a test' } }, ['supervisor']],
  ['policy', { taskRequest: { hook: 'none', delivery: 'd', payload: 'eA==' } }, ['webhook']],
  ['supervisor', { question: { status: {} } }, ['relay', 'policy']],
  ['supervisor', { clientEnded: { client: 'none' } }, ['relay']],
  ['webhook', { delivery: { hook: 'none', delivery: 'd' } }, ['relay']],
  ['webhook', { hooks: {} }, ['relay']],
];

for (const [to, body, from] of WRITERS) {
  test(`${to} takes \`${Object.keys(body)[0]}\` from ${from.join(' and ')} and from nobody else`, async () => {
    for (const as of ['supervisor', 'policy', 'relay', 'webhook']) {
      const answer = await busPeer(as, to, { id: 'x', ...body });
      if (from.includes(as)) assert.doesNotMatch(answer, /not-yours/, as);
      else assert.match(answer, /not-yours/, as);
    }
  });
}

test('half a protobuf is dropped and the service stays up', async () => {
  assert.equal(await busPeer('policy', 'supervisor', 'truncated'), 'no answer');
  assert.equal((await world.zane('status')).code, 0);
});

test('below owner, what runs anything unasked is refused', async () => {
  const { thread } = await world.json('start', '-C', world.work, 'say hello');
  const { thread: allowed } = await world.json('start', '-C', join(world.work, 'allowed'), 'say hello');
  const { thread: unasked } = await world.json(
    'start',
    '-C',
    join(world.work, 'allowed'),
    '-p',
    'full-access',
    'say hello',
  );
  const input = [{ type: 'text', text: 'say hello' }];
  const spawned = { command: ['true'], cwd: world.work, processHandle: 'p' };
  const forbidden: [string, Record<string, unknown>][] = [
    ['turn/start', { threadId: thread, input, approvalPolicy: 'never' }],
    ['turn/start', { threadId: thread, input, sandboxPolicy: { type: 'dangerFullAccess' } }],
    ['turn/start', { threadId: thread, input, permissions: ':danger-full-access' }],
    ['turn/start', { threadId: thread, input, approvalsReviewer: 'auto_review' }],
    ['turn/start', { threadId: thread, input, cwd: '/' }],
    ['turn/start', { threadId: thread, input: [{ type: 'localImage', path: '/etc/passwd' }] }],
    // The order is plain, the thread is not: outside the folders, or running unasked.
    ['turn/start', { threadId: thread, input }],
    ['turn/start', { threadId: unasked, input }],
    ['turn/steer', { threadId: unasked, input, expectedTurnId: 'x' }],
    ['thread/resume', { threadId: unasked }],
    ['thread/read', { threadId: thread, includeTurns: true }],
    ['thread/start', { cwd: world.work }],
    ['thread/start', { cwd: world.work, config: { sandbox_mode: 'danger-full-access' } }],
    ['thread/resume', { threadId: thread, approvalPolicy: 'never' }],
    ['thread/shellCommand', { threadId: thread, command: 'true' }],
    ['process/spawn', spawned],
    ['command/exec', { command: ['true'], cwd: world.work }],
    ['fs/readFile', { path: '/etc/passwd' }],
    ['config/value/write', { keyPath: 'model', value: 'x' }],
    ['zane/task/start', { cwd: world.work, prompt: 'say hello', permissions: 'full-access' }],
    ['zane/task/start', { cwd: world.work, prompt: 'a folder that is not among those allowed' }],
    ['zane/device/role', { device: 'x', role: 'owner' }],
    ['zane/pair', {}],
    ['a/method/nobody/knows', {}],
  ];
  for (const role of ['operator', 'approver', 'viewer']) {
    const phone = await withRole(role);
    for (const [method, params] of forbidden) {
      const receipt = await phone.call(method, params);
      assert.deepEqual([method, receipt.state, receipt.reason], [method, 'refused', 'role']);
      assert.ok(receipt.verified, `${method}: the refusal is signed`);
    }
    const plain = await phone.call('turn/start', { threadId: allowed, input });
    assert.equal(plain.state, role === 'operator' ? 'done' : 'refused', plain.message);
    assert.equal((await phone.call('thread/list', { limit: 1 })).state, 'done');
  }
  assert.equal((await owner.call('process/spawn', spawned)).state, 'done');
  assert.ok((await audit()).some((r) => r.what === 'thread/shellCommand' && r.decision === 'refused'));
});

test('a command counts once, for one Mac, from a known device, in time', async () => {
  const folder = world.work;
  const first = await owner.signed('zane/task/start', { cwd: folder, prompt: 'say: exactly once' });
  const one = await owner.receipt(owner.send(first), first);
  const two = await owner.receipt(owner.send(first), first);
  assert.equal(one.state, 'done');
  assert.deepEqual(two.result, one.result);
  const other = await owner.signed(
    'zane/task/start',
    { cwd: folder, prompt: 'say: other bytes' },
    { id: first.id },
  );
  assert.equal((await owner.receipt(owner.send(other), other)).reason, 'reused-id');
  assert.equal((await owner.call('thread/list', {}, { mac: 'A'.repeat(22) })).reason, 'wrong-mac');
  assert.equal(
    (await owner.call('thread/list', {}, { expiresAt: Date.now() - 1, issuedAt: Date.now() - 1000 })).reason,
    'expired',
  );
  assert.equal(
    (
      await owner.call(
        'thread/list',
        {},
        { issuedAt: Date.now() + 3_600_000, expiresAt: Date.now() + 3_700_000 },
      )
    ).reason,
    'clock',
  );
  const forged = await owner.signed('thread/list', {});
  forged.body[forged.body.length - 3]! ^= 1;
  assert.equal((await owner.receipt(owner.send(forged))).reason, 'bad-signature');
  const fine = await owner.signed('thread/list', {});
  const stranger = owner.send(fine, { command: { device: 'B'.repeat(22), signature: fine.signature } });
  assert.equal((await owner.receipt(stranger)).reason, 'unknown-device');
});

test("by what Codex knows a message is the order's own id, and no other", async () => {
  const { result } = await owner.call('zane/task/start', { cwd: world.work, prompt: 'say: first' });
  const input = [{ type: 'text', text: 'say: second', text_elements: [] }];
  const chosen = await owner.call('turn/start', {
    threadId: result.thread,
    input,
    clientUserMessageId: 'mine',
  });
  assert.deepEqual([chosen.state, chosen.reason], ['refused', 'bad-command'], chosen.message);
  const order = await owner.signed('turn/start', { threadId: result.thread, input });
  assert.equal((await owner.receipt(owner.send(order), order)).state, 'done');
  await until('Codex knows it by that', async () => {
    const { data } = (
      await owner.call('thread/turns/list', {
        threadId: result.thread,
        limit: 5,
        sortDirection: 'desc',
        itemsView: 'full',
      })
    ).result;
    return data.some(({ items }: { items: { clientId?: string }[] }) =>
      items.some(({ clientId }) => clientId === order.id),
    );
  });
});

test('two devices use one id at the same moment: each gets its own answer', async () => {
  const other = await NodePhone.enrol(world, 'the other');
  const [a, b] = [
    await owner.signed('zane/task/start', { cwd: world.work, prompt: 'say: from A' }),
    undefined,
  ];
  const sameId = await other.signed(
    'zane/task/start',
    { cwd: world.work, prompt: 'say: from B' },
    { id: a.id },
  );
  assert.equal(b, undefined);
  const [fromA, fromB] = await Promise.all([
    owner.receipt(owner.send(a), a),
    other.receipt(other.send(sameId), sameId),
  ]);
  assert.ok(fromA.verified && fromB.verified);
  assert.equal(fromA.state, 'done');
  assert.equal(fromB.state, 'done');
  assert.notEqual(fromA.result.thread, fromB.result.thread);
  // Terminals too: both call theirs "t", and each hears its own.
  const spawn = (word: string) => ({
    command: ['echo', word],
    cwd: world.work,
    processHandle: 't',
    streamStdoutStderr: true,
  });
  await Promise.all([
    owner.call('process/spawn', spawn('alpha')),
    other.call('process/spawn', spawn('beta')),
  ]);
  const heard = async (phone: NodePhone): Promise<string> => {
    for (let text = ''; ; ) {
      const frame = await phone.line.next('signal');
      const message = JSON.parse(Buffer.from(frame.bodies[0]!).toString());
      // An earlier test's process may end only now.
      if (message.params.processHandle !== 't') continue;
      if (message.method === 'process/exited') return text;
      text += Buffer.from(message.params.deltaBase64 ?? '', 'base64').toString();
    }
  };
  assert.match(await heard(owner), /^alpha\s*$/);
  assert.match(await heard(other), /^beta\s*$/);
});

test("a thread whose writable roots hold Zane's own folder is refused", async () => {
  for (const cwd of [world.folder, world.home, join(world.home, 'keys'), '/']) {
    const receipt = await owner.call('zane/task/start', { cwd, prompt: 'say hello' });
    assert.deepEqual([cwd, receipt.reason], [cwd, 'protected-folder']);
  }
  for (const loose of [
    { sandbox: 'workspace-write' },
    { permissions: ':workspace' },
    { config: { default_permissions: ':workspace' } },
  ])
    assert.deepEqual(
      [loose, (await owner.call('thread/start', { cwd: world.work, ...loose })).reason],
      [loose, 'protected-folder'],
    );
  const roots = await owner.call('thread/start', { cwd: world.work, runtimeWorkspaceRoots: [world.folder] });
  assert.equal(roots.reason, 'protected-folder');
});

test("a sandboxed command can neither read Zane's folder nor reach its sockets", async () => {
  const { thread } = await world.json(
    'start',
    '-C',
    world.work,
    `run: cat ${world.home}/keys/mac.pem && echo IT READ; ls ${world.home} && echo IT LISTED; ls run 2>&1; echo over`,
  );
  const request = await until('the command ended', () =>
    world.model.requests.find((r) => r.thread === thread && r.outputs.length > 0),
  );
  const said = request.outputs.map((output) => output.text).join();
  assert.match(said, /over/);
  assert.match(said, /ermission denied/);
  assert.doesNotMatch(said, /IT READ|IT LISTED|PRIVATE KEY/);
});

test('a choice that was not offered and another digest are refused', async () => {
  const file = join(world.work, 'never');
  const { thread } = await world.json('start', '-C', world.work, `escalate: touch ${file}`);
  const row = await until('it is open', async () =>
    (await world.json('approvals')).approvals.find((r: { thread: string }) => r.thread === thread),
  );
  const decide = (choice: string, digest: string) =>
    owner.call('zane/approval/decide', { approval: row.approval, digest, choice });
  assert.equal((await decide('acceptForSession', row.digest)).reason, 'not-offered');
  assert.equal((await decide('bogus', row.digest)).reason, 'not-offered');
  assert.equal((await decide('accept', 'A'.repeat(43))).reason, 'digest');
  assert.equal(
    (await owner.call('zane/approval/decide', { approval: 'none', digest: row.digest, choice: 'accept' }))
      .reason,
    'unknown-approval',
  );
  assert.equal((await decide('decline', row.digest)).state, 'done');
  await until('it is settled', async () => (await world.json('approvals')).approvals.length === 0);
  assert.equal((await decide('accept', row.digest)).reason, 'closed');
  assert.equal(existsSync(file), false);
});

/** `zane threads` by another user of this machine, who may be barred from the folders above this checkout: so it is bound to a place that all can reach. */
function zaneAs(uid: number): Promise<{ code: number; stderr: string }> {
  const script =
    'mount --bind "$0" /mnt && ZANE_HOME=/mnt/h exec setpriv --reuid="$1" --regid="$1" --clear-groups /mnt/zane threads';
  return new Promise((done) => {
    execFile(
      'unshare',
      ['--mount', 'sh', '-c', script, world.folder, String(uid)],
      (error, _stdout, stderr) => done({ code: error ? Number(error.code) : 0, stderr }),
    );
  });
}

test('another user of the machine is refused at the admin socket, whatever its mode', {
  skip: needsRoot,
}, async () => {
  const folders = [world.home, join(world.home, 'run'), world.folder];
  for (const folder of folders) chmodSync(folder, 0o777);
  chmodSync(join(world.home, 'run/admin.sock'), 0o777);
  copyFileSync(join(bin, 'zane'), join(world.folder, 'zane'));
  assert.notEqual((await zaneAs(65534)).code, 0);
  const own = await zaneAs(0);
  assert.equal(own.code, 0, own.stderr);
  await until('it is in the audit log', async () =>
    (await audit()).some((r) => r.what === 'console-refused' && r.who === 'uid 65534'),
  );
  for (const folder of folders) chmodSync(folder, 0o700);
});
