// Terminals of the real Codex that Zane builds on: an owner's own (`process/spawn`), and the
// background one an agent's command becomes when it outlives its patience.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WAIT_MS_MAX } from './app-server-client.ts';
import type { AppServerClient, Heard, Json } from './app-server-client.ts';
import { ask, fileAppears, startFixture } from './fixture.ts';

const SIZE = { rows: 20, cols: 70 };

/** The command's words, run by a shell in a terminal of its own. */
async function spawn(
  client: AppServerClient,
  cwd: string,
  processHandle: string,
  script: string,
): Promise<void> {
  const streams = { tty: true, streamStdin: true, streamStdoutStderr: true, size: SIZE };
  await client.request('process/spawn', { command: ['sh', '-c', script], cwd, processHandle, ...streams });
}

function shows(client: AppServerClient, text: string): Promise<Heard> {
  return client.waitFor('process/outputDelta', () => output(client).includes(text));
}

function output(client: AppServerClient): string {
  return client
    .of('process/outputDelta')
    .map(({ params }) => Buffer.from(String(params['deltaBase64']), 'base64').toString('utf8'))
    .join('');
}

test('a terminal has its size, echoes what is typed and says how it ended', async (t) => {
  const { client, codex } = await startFixture(t);
  await spawn(client, codex.workspace, 'echo', 'stty size; read line; echo "got $line"');
  await shows(client, '20 70');
  await client.request('process/writeStdin', {
    processHandle: 'echo',
    deltaBase64: Buffer.from('hello\n').toString('base64'),
  });
  const { params } = await client.waitFor('process/exited');
  assert.equal(params['exitCode'], 0);
  assert.match(output(client), /hello\r\ngot hello\r\n$/);
});

test('a terminal ends with its connection', async (t) => {
  const { client, codex } = await startFixture(t);
  // Whoever reads a pipe sees its end when the last writer is gone, however it went.
  const made = fileAppears(codex.workspace, 'pipe');
  await spawn(client, codex.workspace, 'held', 'mkfifo pipe; exec 3>pipe; echo ready; read line');
  await made;
  const pipe = createReadStream(join(codex.workspace, 'pipe')).resume();
  await shows(client, 'ready');
  await client.close();
  await once(pipe, 'end', { signal: AbortSignal.timeout(WAIT_MS_MAX) });
});

const COMMANDS = `
when the user says "elsewhere"
  run (in {{cwd}}/below) pwd
  say {{output}}
when the user says "stays"
  run (yield after 250 ms) echo started; tail -f /dev/null
  say {{output}}
`;

test('a command can run in another folder, or stay behind as a background terminal', async (t) => {
  const fixture = await startFixture(t, { scenario: COMMANDS });
  mkdirSync(join(fixture.codex.workspace, 'below'));
  const elsewhere = await ask(fixture, 'elsewhere');
  await elsewhere.end();
  assert.match(elsewhere.texts()[0] ?? '', /\/workspace\/below$/);

  const stays = await ask(fixture, 'stays');
  await stays.end();
  const list = await fixture.client.request('thread/backgroundTerminals/list', { threadId: stays.thread });
  assert.equal((list['data'] as Json[]).length, 1);
  await fixture.client.request('thread/backgroundTerminals/clean', { threadId: stays.thread });
});
