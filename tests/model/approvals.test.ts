// Approvals that a scenario raises in the real Codex: what is asked, what each answer does,
// and what a second client, an interrupt or a permission profile changes. What Zane
// builds on is asserted here, so that a new Codex release shows where it differs.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Heard, Json } from './app-server-client.ts';
import { ask, fileAppears, startFixture } from './fixture.ts';
import type { Turn } from './fixture.ts';

const COMMAND = 'item/commandExecution/requestApproval';
const FILE = 'item/fileChange/requestApproval';
const item = ({ params }: Heard): Json => params['item'] as Json;
const status = async (turn: Turn, id: unknown): Promise<unknown> =>
  item(await turn.item('item/completed', (each) => each['id'] === id))['status'];

test('an escalated command asks with its command, folder and reason', async (t) => {
  const fixture = await startFixture(t);
  const { client, codex } = fixture;
  const marker = join(codex.folder, 'outside.txt');

  await t.test('accept runs it', async () => {
    const turn = await ask(fixture, `escalate: echo ran > ${marker}`);
    const request = await turn.event(COMMAND);
    assert.deepEqual(
      (request.params['commandActions'] as Json[]).map((action) => action['command']),
      [`echo ran > ${marker}`],
    );
    assert.ok(String(request.params['command']).endsWith(`'echo ran > ${marker}'`));
    assert.equal(request.params['cwd'], codex.workspace);
    assert.equal(request.params['reason'], 'the test needs it outside the sandbox');
    assert.ok((request.params['availableDecisions'] as unknown[]).includes('accept'));
    client.answer(request, { decision: 'accept' });
    assert.equal(await turn.end(), 'completed');
    assert.equal(readFileSync(marker, 'utf8'), 'ran\n');
  });

  await t.test('decline does not, and the turn goes on', async () => {
    const turn = await ask(fixture, `escalate: touch ${marker}.declined`);
    const request = await turn.event(COMMAND);
    client.answer(request, { decision: 'decline' });
    assert.equal(await status(turn, request.params['itemId']), 'declined');
    assert.equal(await turn.end(), 'completed');
    assert.deepEqual(turn.texts(), ['I was not allowed to run it.']);
    assert.equal(existsSync(`${marker}.declined`), false);
  });

  await t.test('a steering message while it is open waits for the answer', async () => {
    const turn = await ask(fixture, 'escalate: true');
    const request = await turn.event(COMMAND);
    await turn.steer('hurry');
    client.answer(request, { decision: 'accept' });
    await turn.end();
    assert.equal(turn.texts()[0], 'Steered: hurry');
  });

  await t.test('one after the other asks for the second when the first is settled', async () => {
    const turn = await ask(fixture, 'one after the other: true and false');
    const first = await turn.event(COMMAND, (params) => params['reason'] === 'it comes first');
    assert.equal(turn.heard(COMMAND).length, 1);
    client.answer(first, { decision: 'accept' });
    client.answer(await turn.event(COMMAND, (params) => params['reason'] === 'it comes second'), {
      decision: 'accept',
    });
    await turn.end();
    assert.equal(turn.texts().at(-1), 'That was all.');
  });
});

test('two approvals are open at once in one thread', async (t) => {
  const fixture = await startFixture(t);
  const { client, codex } = fixture;
  const open = async (turn: Turn): Promise<Heard[]> =>
    Promise.all(
      ['first', 'second'].map((which) =>
        turn.event(COMMAND, (params) => params['reason'] === `it is the ${which} of two`),
      ),
    );

  await t.test('an accepted one runs at once, but its end is told when the other is settled', async () => {
    const turn = await ask(fixture, 'two approvals: touch one and touch two');
    const [first, second] = (await open(turn)) as [Heard, Heard];
    assert.equal(client.of('serverRequest/resolved').length, 0);
    const ran = fileAppears(codex.workspace, 'two');
    client.answer(second, { decision: 'accept' });
    await client.waitFor('serverRequest/resolved', (params) => params['requestId'] === second.id);
    await ran;
    assert.equal(
      turn.heard('item/completed').some((heard) => item(heard)['id'] === second.params['itemId']),
      false,
    );
    client.answer(first, { decision: 'decline' });
    assert.equal(await status(turn, first.params['itemId']), 'declined');
    assert.equal(await status(turn, second.params['itemId']), 'completed');
    assert.equal(await turn.end(), 'completed');
    assert.equal(existsSync(join(codex.workspace, 'one')), false);
  });

  await t.test('cancelling one ends the turn and with it the other', async () => {
    const turn = await ask(fixture, 'two approvals: touch three and touch four');
    const [first, second] = (await open(turn)) as [Heard, Heard];
    client.answer(first, { decision: 'cancel' });
    assert.equal(await turn.end(), 'interrupted');
    await client.waitFor('serverRequest/resolved', (params) => params['requestId'] === second.id);
    // No end of its own: the turn's end is all that is said of the second command.
    assert.equal(
      turn.heard('item/completed').some((heard) => item(heard)['id'] === second.params['itemId']),
      false,
    );
  });
});

test('an interrupt withdraws an open approval, and a late answer does nothing', async (t) => {
  const fixture = await startFixture(t);
  const turn = await ask(fixture, 'escalate: touch late');
  const request = await turn.event(COMMAND);
  await turn.interrupt();
  assert.equal(await turn.end(), 'interrupted');
  await fixture.client.waitFor('serverRequest/resolved', (params) => params['requestId'] === request.id);
  assert.equal(
    turn.heard('item/completed').some((heard) => item(heard)['id'] === request.params['itemId']),
    false,
  );
  fixture.client.answer(request, { decision: 'accept' });
  const next = await ask(fixture, 'say hello', { thread: turn.thread });
  assert.equal(await next.end(), 'completed');
  assert.equal(existsSync(join(fixture.codex.workspace, 'late')), false);
});

test('a second client gets the open request again, byte for byte, and may answer it', async (t) => {
  const fixture = await startFixture(t);
  for (const [prompt, method] of [
    ['escalate: touch redelivered', COMMAND],
    ['patch: ../redelivered.txt', FILE],
  ] as const) {
    const turn = await ask(fixture, prompt);
    const request = await turn.event(method);
    const second = await fixture.codex.connect('second');
    await second.request('thread/resume', { threadId: turn.thread, excludeTurns: true });
    const again = await second.waitFor(method);
    assert.equal(again.raw, request.raw);
    // The item, and with it a file change's diff, is not sent again.
    assert.equal(second.of('item/started').length, 0);
    second.answer(again, { decision: 'accept' });
    assert.equal(await status(turn, request.params['itemId']), 'completed');
    await turn.end();
  }
});

test('with the profiles that supervisor gives', async (t) => {
  const fixture = await startFixture(t, { deny: 'zane-home' });
  const { client, codex } = fixture;
  const secret = join(codex.folder, 'zane-home/secret');
  mkdirSync(join(codex.folder, 'zane-home'));
  writeFileSync(secret, 'not for the agent', { mode: 0o600 });
  const readOnly = { threadParams: { permissions: 'zane-read-only' } };

  await t.test('a patch inside the workspace is not asked about', async () => {
    const turn = await ask(fixture, 'patch: inside.txt');
    assert.equal(await turn.end(), 'completed');
    assert.equal(turn.heard(FILE).length, 0);
    assert.equal(readFileSync(join(codex.workspace, 'inside.txt'), 'utf8'), 'first line\nsecond line\n');
  });

  for (const [what, prompt, options, path] of [
    ['in a read-only thread', 'patch: asked.txt', readOnly, join(codex.workspace, 'asked.txt')],
    ['outside the workspace', 'patch: ../outside.txt', {}, join(codex.folder, 'outside.txt')],
  ] as const) {
    await t.test(`a patch ${what} is asked about, with its diff sent before`, async () => {
      const turn = await ask(fixture, prompt, options);
      const request = await turn.event(FILE);
      const started = await turn.item('item/started', (each) => each['id'] === request.params['itemId']);
      assert.ok(client.heard.indexOf(started) < client.heard.indexOf(request));
      assert.deepEqual(item(started)['changes'], [
        { path, kind: { type: 'add' }, diff: 'first line\nsecond line\n' },
      ]);
      assert.equal('changes' in request.params || 'availableDecisions' in request.params, false);
      assert.equal(turn.heard('item/fileChange/patchUpdated').length, 0);
      assert.equal(existsSync(path), false);
      client.answer(request, { decision: 'accept' });
      assert.equal(await status(turn, request.params['itemId']), 'completed');
      await turn.end();
      assert.equal(readFileSync(path, 'utf8'), 'first line\nsecond line\n');
    });
  }

  await t.test('a declined patch is not applied; an edit shows a unified diff', async () => {
    const turn = await ask(fixture, 'edit: asked.txt', readOnly);
    const request = await turn.event(FILE);
    const started = await turn.item('item/started', (each) => each['id'] === request.params['itemId']);
    assert.equal(
      (item(started)['changes'] as Json[])[0]?.['diff'],
      '@@ -1,2 +1,2 @@\n-first line\n+the first line, changed\n second line\n',
    );
    client.answer(request, { decision: 'decline' });
    assert.equal(await status(turn, request.params['itemId']), 'declined');
    await turn.end();
    assert.deepEqual(turn.texts(), ['I left the file alone.']);
    assert.match(readFileSync(join(codex.workspace, 'asked.txt'), 'utf8'), /^first line\n/);
  });

  for (const options of [{}, readOnly]) {
    await t.test(`the denied folder is out of reach with ${JSON.stringify(options)}`, async () => {
      const turn = await ask(
        fixture,
        `run: cat ${secret} || echo closed; ls ${join(secret, '..')} || echo hidden`,
        options,
      );
      await turn.end();
      const text = turn.texts().join('\n');
      assert.match(text, /closed[^]*hidden/);
      assert.doesNotMatch(text, /not for the agent/);
    });

    await t.test(`an accepted patch into it still fails with ${JSON.stringify(options)}`, async () => {
      const turn = await ask(fixture, `patch: ${join(secret, '../planted')}`, options);
      const request = await turn.event(FILE);
      client.answer(request, { decision: 'accept' });
      assert.equal(await status(turn, request.params['itemId']), 'failed');
      await turn.end();
      assert.equal(existsSync(join(secret, '../planted')), false);
    });
  }

  await t.test('even a command allowed outside the sandbox does not reach it', async () => {
    const turn = await ask(fixture, `escalate: touch ../escaped && cat ${secret}`);
    client.answer(await turn.event(COMMAND), { decision: 'accept' });
    await turn.end();
    assert.equal(existsSync(join(codex.folder, 'escaped')), true);
    assert.match(turn.texts()[0] ?? '', /^It failed: /);
    assert.doesNotMatch(turn.texts()[0] ?? '', /not for the agent/);
  });

  // Why policy has to guard these parameters: they put another profile in the place of ours.
  for (const threadParams of [{ sandbox: 'workspace-write' }, { permissions: ':workspace' }]) {
    await t.test(`a thread started with ${JSON.stringify(threadParams)} has lost the denial`, async () => {
      const turn = await ask(fixture, `run: cat ${secret}`, { threadParams });
      await turn.end();
      assert.match(turn.texts()[0] ?? '', /not for the agent/);
    });
  }
});

test('a question to the person', async (t) => {
  const QUESTION = 'item/tool/requestUserInput';
  const fixture = await startFixture(t);
  const settings = { model: 'gpt-5.5', reasoning_effort: null, developer_instructions: null };

  await t.test('is refused in the default mode', async () => {
    const turn = await ask(fixture, 'ask me');
    await turn.end();
    assert.equal(turn.heard(QUESTION).length, 0);
    assert.match(turn.texts()[0] ?? '', /request_user_input is unavailable in Default mode/);
  });

  await t.test('is asked in plan mode', async () => {
    const turn = await ask(fixture, 'ask me', {
      turnParams: { collaborationMode: { mode: 'plan', settings } },
    });
    const request = await turn.event(QUESTION);
    const [question] = request.params['questions'] as [Json];
    assert.equal(question['question'], 'Which colour shall it be?');
    assert.deepEqual(
      (question['options'] as Json[]).map((option) => option['label']),
      ['Red', 'Blue'],
    );
    fixture.client.answer(request, { answers: { [String(question['id'])]: { answers: ['Blue'] } } });
    await turn.end();
    assert.deepEqual(turn.texts(), ['You chose: Blue']);
  });

  await t.test('is asked in any mode with a feature turned on', async (inner) => {
    const other = await startFixture(inner, {
      config: '[features]\ndefault_mode_request_user_input = true\n',
    });
    const turn = await ask(other, 'ask me');
    const request = await turn.event(QUESTION);
    other.client.answer(request, { answers: { answer: { answers: ['Red'] } } });
    await turn.end();
    assert.deepEqual(turn.texts(), ['You chose: Red']);
  });
});
