// A folder that is swapped for a link between policy's look at it and the call to
// Codex: nothing is started there. Real services and real Codex; the moment is made
// by a Codex that can't be reached until the swap is done.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Wire } from '../chaos/wire.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';
import { startCodex } from '../model/codex-process.ts';
import type { CodexProcess } from '../model/codex-process.ts';
import { startModel } from '../model/server.ts';

let model: Awaited<ReturnType<typeof startModel>>;
let codex: CodexProcess;
let wire: Wire;
let socket = '';
let world: World;
let owner: NodePhone;

const openWire = (): Promise<Wire> => Wire.open(socket, () => ({ path: codex.socket }));

before(async () => {
  model = await startModel({ scenario: join(import.meta.dirname, '../scenarios/journey.scenario') });
  const profile = (name: string, base: string, folder: string): string[] => [
    '-c',
    `permissions.${name}.extends="${base}"`,
    '-c',
    `permissions.${name}.filesystem={"${folder}/closed"="deny"}`,
  ];
  codex = await startCodex({
    baseUrl: model.baseUrl,
    args: (folder) => [
      '-c',
      'default_permissions="zane"',
      ...profile('zane', ':workspace', folder),
      ...profile('zane-read-only', ':read-only', folder),
    ],
  });
  socket = join(codex.folder, 'wire.sock');
  wire = await openWire();
  world = await World.start({ settings: () => ({ codex: { socket } }) });
  owner = await NodePhone.enrol(world, 'owner');
});
after(async () => {
  await world?.close();
  wire?.close();
  await codex?.stop();
  await model?.close();
});

/** The order is judged while Codex is away; then `swap`, then Codex is back and the order goes on. */
async function orderedAcross(
  cwd: string,
  prompt: string,
  swap: () => void,
): Promise<{ state: string; reason?: string; message?: string }> {
  const { supervisor } = world.anchor.services;
  const lost = supervisor.saw(' codex_state ', false);
  wire.close();
  await lost;
  const order = await owner.signed('zane/task/start', { cwd, prompt });
  const trace = owner.send(order);
  await owner.line.next('receipt', (header) => header.trace === trace);
  // policy asks supervisor one more thing (where the keys are) and hands the effect on; supervisor waits five seconds for Codex.
  await new Promise((done) => setTimeout(done, 500));
  swap();
  wire = await openWire();
  const receipt = await owner.receipt(trace, order);
  await until('Codex is back', async () => (await world.zane('status')).code === 0);
  return receipt;
}

test('swapped for a link to the keys: refused, and no thread is there', async () => {
  const app = join(world.work, 'app');
  mkdirSync(app);
  const told = await orderedAcross(app, 'say: in the keys', () => {
    renameSync(app, join(world.work, 'x'));
    symlinkSync(join(world.home, 'keys'), app);
  });
  assert.deepEqual([told.state, told.reason], ['refused', 'folder-changed'], told.message);
  assert.match(told.message!, /app` is not what it was/);
  const { threads } = await world.json('threads', '-n', '100');
  assert.deepEqual(
    threads.filter((each: { cwd: string }) => each.cwd.includes(world.home) || each.cwd === app),
    [],
  );
  // As it now is, policy itself refuses it.
  const again = await owner.call('zane/task/start', { cwd: app, prompt: 'say: in the keys' });
  assert.deepEqual([again.state, again.reason], ['refused', 'protected-folder']);
  rmSync(app);
});

test('left alone, the same order goes through', async () => {
  const quiet = join(world.work, 'quiet');
  mkdirSync(quiet);
  const told = await orderedAcross(quiet, 'say: all is quiet', () => undefined);
  assert.equal(told.state, 'done', `${told.reason} ${told.message}`);
});
