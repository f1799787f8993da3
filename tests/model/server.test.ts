// The scripted model's own surface, without Codex: its program, its gates, what it refuses.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { codexBinary, writeCodexHome } from './codex-home.ts';
import { startModel } from './server.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const say = (prompt: string): RequestInit => ({
  method: 'POST',
  body: JSON.stringify({
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: prompt }] }],
  }),
});
const WAITING =
  'when the user says "hold {gate}"\n  say held\n  wait for {{gate}}\n  say let go\notherwise\n  say x\n';

function run(...args: string[]): { child: ReturnType<typeof spawn>; out: () => string; err: () => string } {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { child, out: () => out, err: () => err };
}

test('the program prints its address and ends when told', async () => {
  const { child, out } = run('--port', '0', '--until-stdin-closes');
  await once(child.stdout!, 'data');
  const address = JSON.parse(out()) as { port: number; url: string; baseUrl: string };
  assert.equal(address.baseUrl, `http://127.0.0.1:${address.port}/v1`);
  const answer = await fetch(`${address.baseUrl}/responses`, say('hello'));
  // The demo paces its text: the head is enough here.
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  await answer.body?.cancel();
  child.stdin?.end();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

for (const [args, message] of [
  [['--scenario', '/no/such'], /cannot read the scenario `\/no\/such`/],
  [['--scenario', MAIN], /main\.ts:1: a block opens with/],
  [['--port', 'x'], /`--port x` is not a port/],
  [['--host', '0.0.0.0'], /loopback only/],
  [['--nonsense'], /nonsense/],
] as const) {
  test(`the program refuses ${args.join(' ')}`, async () => {
    const { child, err } = run(...args);
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 64);
    assert.match(err(), message);
  });
}

test('a gate holds an answer until it is released, early or late', async (t) => {
  const model = await startModel({ scenario: WAITING });
  t.after(() => model.close());
  const late = fetch(`${model.baseUrl}/responses`, say('hold late')).then((answer) => answer.text());
  await model.reached('late');
  const state = (await (await fetch(`${model.url}/_control/state`)).json()) as { waiting: string[] };
  assert.deepEqual(state.waiting, ['late']);
  await fetch(`${model.url}/_control/release/late`, { method: 'POST' });
  assert.match(await late, /held[^]*let go[^]*response\.completed/);
  model.release('early');
  assert.match(await (await fetch(`${model.baseUrl}/responses`, say('hold early'))).text(), /let go/);
});

test('who hangs up at a gate does not hold it', async (t) => {
  const model = await startModel({ scenario: WAITING });
  t.after(() => model.close());
  const hangUp = new AbortController();
  const cut = fetch(`${model.baseUrl}/responses`, { ...say('hold me'), signal: hangUp.signal }).then(
    (answer) => answer.text(),
  );
  await model.reached('me');
  hangUp.abort();
  await assert.rejects(cut);
  const next = fetch(`${model.baseUrl}/responses`, say('hold me')).then((answer) => answer.text());
  await model.reached('me');
  // Whichever of the two the server still knows of, the release may only be used by the living one.
  for (let tries = 0; tries < 2; tries++) model.release('me');
  assert.match(await next, /let go/);
});

test('nonsense is refused with a reason', async (t) => {
  const model = await startModel({ scenario: WAITING });
  t.after(() => model.close());
  const post = (init: RequestInit): Promise<Response> =>
    fetch(`${model.baseUrl}/responses`, { method: 'POST', ...init });
  assert.equal((await post({ body: '{' })).status, 400);
  assert.match(
    await (await post({ body: 'x', headers: { 'content-encoding': 'zstd' } })).text(),
    /enable_request_compression/,
  );
  assert.equal((await fetch(`${model.url}/v1/models`)).status, 404);
  assert.equal(
    (
      await fetch(`${model.url}/_control/release/x`, {
        method: 'POST',
        headers: { origin: 'https://evil.example' },
      })
    ).status,
    403,
  );
  assert.equal((await post({ body: 'null' })).status, 200);
});

test('a call has the tool and the arguments that stand there, a captured text as one value', async (t) => {
  const model = await startModel({
    scenario: `when the user says "get {what}"
  call mcp__shop/order with {"what": "{{what}}", "list": [1, {"deep": "{{what}}"}]}
  and call plain with {}
`,
  });
  t.after(() => model.close());
  const what = 'a "quoted" \\ thing';
  const answer = await (await fetch(`${model.baseUrl}/responses`, say(`get ${what}`))).text();
  const items = [...answer.matchAll(/^data: (.*)$/gm)].map(
    ([, data = '']) => (JSON.parse(data) as { item?: Record<string, unknown> }).item,
  );
  const calls = items
    .filter((item) => item?.['type'] === 'function_call')
    .map((item) => [item?.['namespace'], item?.['name'], JSON.parse(String(item?.['arguments']))]);
  assert.deepEqual(calls, [
    ['mcp__shop', 'order', { what, list: [1, { deep: what }] }],
    [undefined, 'plain', {}],
  ]);
});

test('only the last requests are kept', async (t) => {
  const model = await startModel({ scenario: WAITING });
  t.after(() => model.close());
  for (let index = 0; index <= 500; index++)
    await (await fetch(`${model.baseUrl}/responses`, say(`n${index}`))).text();
  assert.equal(model.requests.length, 500);
  assert.equal(model.requests[0]?.prompt, 'n1');
});

test('a codex home is not made in the temp folder, and the binary is the native one', () => {
  assert.throws(
    () => writeCodexHome(join(tmpdir(), 'somewhere'), { baseUrl: 'x' }),
    /use a folder below build/,
  );
  assert.match(codexBinary(), /vendor\/[^/]+\/bin\/codex$/);
});
