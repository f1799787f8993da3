// A Codex that the user started elsewhere (`socket` under [codex]): Zane uses it,
// never starts another beside it, and leaves it running.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until, World } from '../harness/world.ts';
import { startCodex } from '../model/codex-process.ts';
import type { CodexProcess } from '../model/codex-process.ts';
import { startModel } from '../model/server.ts';

let model: Awaited<ReturnType<typeof startModel>>;
let codex: CodexProcess;
let world: World;

before(async () => {
  model = await startModel({ scenario: join(import.meta.dirname, '../scenarios/journey.scenario') });
  // As docs/ARCHITECTURE.md asks of such a Codex: it defines the two profiles itself.
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
  world = await World.start({ settings: () => ({ codex: { socket: codex.socket } }) });
});
after(async () => {
  await world?.close();
  await codex?.stop();
  await model?.close();
});

async function codexPart(): Promise<{ state: string; message: string; pid: string }> {
  // The exit code says that not all is well; the parts are told all the same.
  const { parts } = JSON.parse((await world.zane('status', '--json')).stdout) as {
    parts: { name: string; state: string; message: string; pid: string }[];
  };
  return parts.find((part) => part.name === 'codex')!;
}

test('a task runs in it and asks', async () => {
  assert.equal(Number((await codexPart()).pid), codex.pid);
  const file = join(codex.workspace, 'ran');
  await world.json('start', '-C', codex.workspace, `escalate: touch ${file}`);
  const { approval } = await until('it asks', async () => (await world.json('approvals')).approvals[0]);
  assert.equal((await world.zane('approve', approval)).code, 0);
  await until('it ran', () => existsSync(file));
});

test('supervisor ends and comes back: it still is the same Codex', async () => {
  const before = codex.pid;
  const { supervisor } = world.anchor.services;
  await supervisor.stop();
  process.kill(before, 0);
  const back = supervisor.saw(' codex_ready ', false);
  supervisor.start();
  await back;
  assert.equal(Number((await codexPart()).pid), before);
});

test('it is killed: Zane says what to do, starts none itself, and finds it when it is back', async () => {
  process.kill(codex.pid, 'SIGKILL');
  await until('its cure is named', async () => {
    const { state, message } = await codexPart();
    return (
      state === 'down' && /start that Codex, or remove `socket` under \[codex\] in .*zane\.toml/.test(message)
    );
  });
  await codex.restart();
  await until('it is ready', async () => (await codexPart()).state === 'ready', 60_000);
  assert.equal(Number((await codexPart()).pid), codex.pid);
  assert.equal(world.anchor.services.supervisor.log.includes('codex_started'), false);
});
