// Every step of a scenario, against the real Codex: that it does what its name says, as
// seen by a client of the app-server. Approvals have their own file.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Json } from './app-server-client.ts';
import { MODEL_NAME } from './codex-home.ts';
import { ask, DEMO, startFixture } from './fixture.ts';
import type { Turn } from './fixture.ts';

const deltas = (turn: Turn): string[] =>
  turn.heard('item/agentMessage/delta').map(({ params }) => String(params['delta']));

test('text, thoughts, plans and floods stream', async (t) => {
  const fixture = await startFixture(t);

  await t.test('say comes in several deltas', async () => {
    const turn = await ask(fixture, 'say hello');
    assert.equal(await turn.end(), 'completed');
    assert.deepEqual(deltas(turn), ['Hello', ' from', ' the', ' scripted', ' model.']);
    assert.deepEqual(turn.texts(), ['Hello from the scripted model.']);
  });

  await t.test('say in N deltas keeps Markdown whole', async () => {
    const turn = await ask(fixture, 'markdown');
    await turn.end();
    assert.equal(deltas(turn).length, 60);
    assert.match(turn.texts()[0] ?? '', /^## A heading\n\nSome \*emphasis\*.*\n\n- one\n- two\n\n```sh\n/);
  });

  await t.test('say at a pace takes its time', async () => {
    const turn = await ask(fixture, 'slowly: abcdefghijklmnopqrst');
    await turn.end();
    const times = turn
      .heard('item/agentMessage/delta')
      .map(({ raw }) => Number((JSON.parse(raw) as Json)['emittedAtMs']));
    // 20 deltas at 20 a second have 19 gaps of 50 ms; a busy machine is later, never earlier.
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) >= 850, String(times));
  });

  await t.test('think is a reasoning summary', async () => {
    const turn = await ask(fixture, 'think');
    const { params } = await turn.item('item/completed', (item) => item['type'] === 'reasoning');
    assert.match(String((params['item'] as Json)['summary']), /^\*\*Looking around\*\*/);
    await turn.end();
    assert.ok(turn.heard('item/reasoning/summaryTextDelta').length > 5);
    assert.deepEqual(turn.texts(), ['I thought about it.']);
  });

  await t.test('plan is an updated plan', async () => {
    const turn = await ask(fixture, 'plan');
    const { params } = await turn.event('turn/plan/updated');
    assert.deepEqual(
      (params['plan'] as Json[]).map((step) => step['status']),
      ['completed', 'inProgress', 'pending'],
    );
    assert.equal(await turn.end(), 'completed');
  });

  await t.test('a flood comes through whole', async () => {
    const turn = await ask(fixture, 'flood 3000 of 40');
    await turn.end();
    assert.equal(turn.texts()[0]?.length, 3000 * 40);
    assert.ok(deltas(turn).length >= 3000);
  });

  await t.test('fail fails the turn, and a bad value says why', async () => {
    assert.equal(await (await ask(fixture, 'fail 400')).end(), 'failed');
    assert.equal(await (await ask(fixture, 'fail 500')).end(), 'failed');
    assert.equal(await (await ask(fixture, 'break off')).end(), 'failed');
    const turn = await ask(fixture, 'flood lots of 5');
    const { params } = await turn.event('error');
    assert.match(JSON.stringify(params), /`lots` is not a whole number/);
    assert.equal(await turn.end(), 'failed');
  });

  await t.test('the requests are on record', async () => {
    const turn = await ask(fixture, 'say: for the record');
    await turn.end();
    const request = fixture.model.requests.at(-1);
    assert.equal(request?.prompt, 'say: for the record');
    assert.equal(request.thread, turn.thread);
    assert.equal(request.turn, turn.id);
    assert.equal(request.cwd, fixture.codex.workspace);
    assert.equal(request.model, MODEL_NAME);
    assert.equal(request.effort, 'medium');
    assert.ok(request.tools.includes('apply_patch') && request.tools.includes('exec_command'));
  });

  await t.test('a compaction is answered', async () => {
    const turn = await ask(fixture, 'say hello');
    await turn.end();
    const since = fixture.client.heard.length;
    await fixture.client.request('thread/compact/start', { threadId: turn.thread });
    const { params } = await fixture.client.waitFor(
      'turn/completed',
      (params) => params['threadId'] === turn.thread,
      since,
    );
    assert.equal((params['turn'] as Json)['status'], 'completed');
  });
});

test('commands run in the sandbox and the script goes on with their output', async (t) => {
  const fixture = await startFixture(t);
  const turn = await ask(fixture, 'run: echo from the sandbox > made.txt; cat made.txt');
  assert.equal(await turn.end(), 'completed');
  assert.match(turn.texts()[0] ?? '', /^Output: [^]*from the sandbox$/);
  assert.equal(turn.heard('item/commandExecution/requestApproval').length, 0);
  assert.ok(existsSync(join(fixture.codex.workspace, 'made.txt')));
});

test('a turn can be steered, held, interrupted, and outlived', async (t) => {
  const fixture = await startFixture(t);
  const { model, codex } = fixture;

  await t.test('steering cuts the stream; the script answers it and goes on', async () => {
    const turn = await ask(fixture, 'long: first');
    await turn.item('item/completed', (item) => item['text'] === 'I am at it.');
    await turn.steer('turn left');
    await turn.item('item/completed', (item) => item['text'] === 'Steered: turn left');
    model.release('first');
    assert.equal(await turn.end(), 'completed');
    assert.deepEqual(turn.texts(), ['I am at it.', 'Steered: turn left', 'That took a while.']);
    assert.deepEqual(model.requests.at(-1)?.steers, ['turn left']);
  });

  await t.test('a message that steering cut off never completes', async () => {
    const turn = await ask(fixture, 'slowly: a rather long answer that is still going on');
    const { params } = await turn.item('item/started', (item) => item['type'] === 'agentMessage');
    const cut = (params['item'] as Json)['id'];
    await turn.event('item/agentMessage/delta');
    await turn.steer('stop that');
    await turn.end();
    assert.equal(
      turn.heard('item/completed').filter(({ params }) => (params['item'] as Json)['id'] === cut).length,
      0,
    );
    assert.equal(turn.texts()[0], 'Steered: stop that');
  });

  await t.test('interrupting ends a turn that waits, and the thread goes on', async () => {
    const turn = await ask(fixture, 'long: never');
    await model.reached('never');
    await turn.interrupt();
    assert.equal(await turn.end(), 'interrupted');
    const next = await ask(fixture, 'say hello', { thread: turn.thread });
    assert.equal(await next.end(), 'completed');
    assert.deepEqual(next.texts(), ['Hello from the scripted model.']);
  });

  await t.test('a killed Codex does not confuse the script', async () => {
    const turn = await ask(fixture, 'work: killed');
    await model.reached('killed');
    await codex.restart();
    const client = await codex.connect();
    await client.request('thread/resume', { threadId: turn.thread, excludeTurns: true });
    const next = await ask({ ...fixture, client }, 'run: echo alive', { thread: turn.thread });
    assert.equal(await next.end(), 'completed');
    assert.match(next.texts()[0] ?? '', /alive$/);
  });
});

test('the demo plays to its end', async (t) => {
  const fixture = await startFixture(t, { scenario: DEMO });
  const turn = await ask(fixture, 'whatever I say');
  const request = await turn.event('item/commandExecution/requestApproval');
  fixture.client.answer(request, { decision: 'accept' });
  assert.equal(await turn.end(), 'completed');
  const text = turn.texts().join('\n');
  assert.match(text, /This is a demo: a scripted model is answering, not a real one/);
  assert.match(text, /You allowed it, and it printed `[^`]+`/);
  assert.match(
    readFileSync(join(fixture.codex.workspace, 'zane-demo.md'), 'utf8'),
    /it was yours\.\n- The model was not\.\n$/,
  );
  assert.equal(
    turn.heard('item/completed').filter(({ params }) => (params['item'] as Json)['type'] === 'fileChange')
      .length,
    2,
  );

  // Once more, over the file of the first time, and declined.
  const again = await ask(fixture, 'again', { thread: turn.thread });
  fixture.client.answer(await again.event('item/commandExecution/requestApproval'), { decision: 'decline' });
  assert.equal(await again.end(), 'completed');
  assert.match(again.texts().join('\n'), /You declined, and so it did not run/);
  assert.match(again.texts().at(-1) ?? '', /^Done\./);
});
