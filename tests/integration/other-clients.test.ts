// Zane is not Codex's only client. Another program of this Mac has its own thread,
// with a tool of its own and an approval of its own: Zane hears of both, answers
// neither, and goes on not answering when supervisor is killed or the connection cut.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Wire } from '../chaos/wire.ts';
import { until, World } from '../harness/world.ts';
import type { AppServerClient, Heard } from '../model/app-server-client.ts';
import { startCodex } from '../model/codex-process.ts';
import type { CodexProcess } from '../model/codex-process.ts';
import { startModel } from '../model/server.ts';

const SCENARIO = `when the user says "look up {word}"
  call lookup with {"word": "{{word}}"}
  say The tool said: {{output}}
when the user says "touch {file}"
  escalate touch {{file}} because it is asked for
  if refused say It was refused.
  if done say It was done.
otherwise
  say Well.
`;
const LOOKUP = {
  type: 'function',
  name: 'lookup',
  description: 'looks a word up',
  inputSchema: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
};

let model: Awaited<ReturnType<typeof startModel>>;
let codex: CodexProcess;
let other: AppServerClient;
let wire: Wire;
let world: World;

before(async () => {
  model = await startModel({ scenario: SCENARIO });
  codex = await startCodex({ baseUrl: model.baseUrl });
  other = await codex.connect('another program');
  const socket = join(codex.folder, 'wire.sock');
  wire = await Wire.open(socket, () => ({ path: codex.socket }));
  world = await World.start({ settings: () => ({ codex: { socket } }) });
});
after(async () => {
  await world?.close();
  wire?.close();
  await codex?.stop();
  await model?.close();
});

async function begin(prompt: string, more: Record<string, unknown> = {}): Promise<string> {
  const { thread } = await other.request<{ thread: { id: string } }>('thread/start', {
    cwd: codex.workspace,
    ...more,
  });
  await other.request('turn/start', {
    threadId: thread.id,
    input: [{ type: 'text', text: prompt, text_elements: [] }],
  });
  return thread.id;
}

/** supervisor has heard of the thread's request, and of the thread, once more. */
async function again(thread: string, disturb: () => Promise<void> | void): Promise<void> {
  const { supervisor } = world.anchor.services;
  const heard = (): number =>
    supervisor.log.split('\n').filter((line) => line.includes(' thread_followed ') && line.includes(thread))
      .length;
  const before_ = heard();
  await disturb();
  await until('it is followed again', () => heard() > before_);
}

async function killed(): Promise<void> {
  const { supervisor } = world.anchor.services;
  await supervisor.kill();
  supervisor.start();
}

function answered(request: Heard): boolean {
  return other.of('serverRequest/resolved').some(({ params }) => params['requestId'] === request.id);
}

test('a call of its own tool is left to it, over a kill and a cut, and its answer is the one that counts', async () => {
  const thread = await begin('look up moss', { dynamicTools: [LOOKUP] });
  const call = await other.waitFor('item/tool/call', (params) => params['threadId'] === thread);
  const { supervisor } = world.anchor.services;
  const leftAlone = (): number =>
    supervisor.log
      .split('\n')
      .filter((line) => line.includes(' codex_request_left_alone ') && line.includes(thread)).length;
  await until('supervisor has heard the call', () => leftAlone() > 0);
  for (const disturb of [killed, () => wire.cut()]) {
    const before_ = leftAlone();
    await again(thread, disturb);
    await until('it hears the call again', () => leftAlone() > before_);
    assert.equal(answered(call), false);
  }
  other.answer(call, { contentItems: [{ type: 'inputText', text: 'a soft green plant' }], success: true });
  await other.waitFor('turn/completed', (params) => params['threadId'] === thread);
  assert.equal(model.requests.at(-1)?.outputs.at(-1)?.text, 'a soft green plant');
  assert.equal((await world.json('approvals', '--all')).approvals.length, 0, 'nobody is asked about it');
});

test('its approval stays open until it answers itself; Zane then says that it was answered elsewhere', async () => {
  const file = join(codex.folder, 'touched');
  const thread = await begin(`touch ${file}`);
  const request = await other.waitFor(
    'item/commandExecution/requestApproval',
    (params) => params['threadId'] === thread,
  );
  const row = async (): Promise<{ approval: string; state: string }[]> =>
    (await world.json('approvals', '--all')).approvals;
  const [open] = await until('it is shown', async () => ((await row()).length > 0 ? row() : undefined));
  for (const disturb of [killed, () => wire.cut()]) {
    await again(thread, disturb);
    await until('all is well', async () => (await world.zane('status')).code === 0);
    assert.deepEqual(
      (await row()).map(({ approval, state }) => [approval, state]),
      [[open!.approval, 'open']],
    );
    assert.equal(answered(request), false);
    assert.equal(existsSync(file), false);
  }
  other.answer(request, { decision: 'decline' });
  await other.waitFor('turn/completed', (params) => params['threadId'] === thread);
  await until('it is settled', async () => (await row())[0]?.state === 'answered-elsewhere');
  assert.equal(existsSync(file), false);
  assert.equal((await world.zane('approve', open!.approval)).code, 1, 'too late');
});
