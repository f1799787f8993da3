// Deliveries that are odd and lawful: cut and foreign bytes, forms, other
// spellings of a header, an `Expect`, a redelivery after a refusal. One bad one
// never holds up another, and each has a visible result.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { until, World } from '../harness/world.ts';

const SECRET = 'a secret of enough characters';
let world: World;
let port = 0;
let folder = '';

before(async () => {
  port = await freePort();
  world = await World.start({
    settings: () => ({ webhook: { port } }),
    hooks: (w) => [
      {
        id: 'gh',
        scheme: 'github',
        secret_file: w.secretFile('gh.secret', SECRET),
        cwd: w.work,
        prompt: 'say: hook gh',
      },
      {
        id: 'late',
        scheme: 'github',
        secret_file: w.secretFile('late.secret', SECRET),
        cwd: join(w.work, 'late'),
        prompt: 'say: hook late',
      },
    ],
  });
  folder = join(world.work, 'late');
  await world.anchor.services.webhook.saw(' listening ');
});
after(() => world?.close());

const signed = (body: Buffer | string): Record<string, string> => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
});

async function deliver(
  path: string,
  body: Buffer | string,
  more: Record<string, string> = {},
): Promise<{ status: number; result: string; delivery: string; message?: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/hooks/${path}`, {
    method: 'POST',
    body: new Uint8Array(Buffer.from(body)),
    headers: { ...signed(body), ...more },
  });
  return { status: answer.status, ...((await answer.json()) as { result: string; delivery: string }) };
}

/** What came of a delivery, as webhook's log has it. */
function outcome(delivery: string): Promise<string> {
  return until(`${delivery} has a result`, async () => {
    const line = world.anchor.services.webhook.log
      .split('\n')
      .find((each) => each.includes('delivery_result') && each.includes(delivery));
    return line && /result="?([^"]*)"?( trace=|$)/.exec(line)?.[1];
  });
}

async function prompt(thread: string): Promise<string> {
  const { threads } = await world.json('threads', '-n', '100');
  return threads.find((each: { thread: string }) => each.thread === thread)?.preview ?? '';
}

test('bytes that are no text, and a text cut in a character, start their task and hold up no other', async () => {
  const cut = `{"t":"${'x'.repeat(65_529)}ü"}`;
  const foreign = Buffer.concat([Buffer.from('{"t":"caf'), Buffer.from([0xe9]), Buffer.from('"}')]);
  const chinese = JSON.stringify({ t: '汉'.repeat(24_000) });
  const plain = '{"small":true}';
  const deliveries = [];
  for (const body of [cut, foreign, chinese, plain]) {
    const taken = await deliver('gh', body);
    assert.deepEqual([taken.status, taken.result], [202, 'accepted']);
    deliveries.push(taken.delivery);
  }
  for (const delivery of deliveries) assert.match(await outcome(delivery), /^started /);
  assert.doesNotMatch(
    world.anchor.services.policy.log + world.anchor.services.webhook.log,
    /not an envelope|UTF-8/,
  );
  assert.equal((await world.zane('status')).code, 0);
});

test("GitHub's form is verified as it came and handed on as the JSON it holds", async () => {
  const taken = await deliver('gh', 'payload=%7B%22title%22%3A%22a+b%22%7D', {
    'content-type': 'application/x-www-form-urlencoded',
  });
  const started = /^started (\S+)/.exec(await outcome(taken.delivery))?.[1] ?? '';
  await until('its thread is listed', () => prompt(started));
  assert.match(await prompt(started), /\{"title":"a b"\}/);
});

test('a ping is one by what is signed, whatever its header says', async () => {
  const ping = JSON.stringify({ zen: 'Speak like a human.', hook_id: 7, hook: {} });
  for (const event of ['ping', 'push'])
    assert.equal((await deliver('gh', ping, { 'x-github-event': event })).result, 'ignored');
  assert.equal((await deliver('gh', '{"zen":"no ping"}', { 'x-github-event': 'ping' })).result, 'accepted');
});

test('only what started is a duplicate: refused for its folder, it may be sent again', async () => {
  const body = '{"folder":"is missing"}';
  const first = await deliver('late', body);
  assert.match(await outcome(first.delivery), /^refused: there is no folder/);
  mkdirSync(folder);
  const second = await deliver('late', body);
  assert.equal(second.result, 'accepted');
  assert.match(await outcome(second.delivery), /^started /);
  rmSync(folder, { recursive: true });
  const third = await deliver('late', body);
  assert.equal(third.result, 'duplicate');
  assert.match(third.message ?? '', /started for these very bytes/);
});

test('both doors read an address alike: with a query, with a slash at its end', async () => {
  for (const [at, path] of ['gh?source=ci', 'gh/', 'gh/?x=1'].entries()) {
    assert.equal((await deliver(path, `{"door":${at}}`)).status, 202, path);
    const body = `{"orbit":${at}}`;
    const started = world.anchor.services.webhook.saw('hook=gh result=accepted', false);
    assert.equal(
      (
        await fetch(`${world.orbit.url}/hooks/${world.user}.${path}`, {
          method: 'POST',
          body,
          headers: signed(body),
        })
      ).status,
      202,
      `Orbit, ${path}`,
    );
    await started;
  }
  for (const path of ['gh/more', 'gh//', '%67h'])
    assert.deepEqual(
      [
        (await deliver(path, '{}')).status,
        (
          await fetch(`${world.orbit.url}/hooks/${world.user}.${path}`, {
            method: 'POST',
            body: '{}',
            headers: signed('{}'),
          })
        ).status,
      ],
      [404, 404],
      path,
    );
  assert.equal((await deliver('', '{}')).status, 404);
});

test('who waits for "100 Continue" gets it, or its refusal at once', async () => {
  const body = '{"expect":"a word first"}';
  const send = (
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; continued: boolean }> =>
    new Promise((resolve, reject) => {
      let continued = false;
      const call = request(
        {
          host: '127.0.0.1',
          port,
          path,
          method: 'POST',
          headers: { 'content-length': String(Buffer.byteLength(body)), expect: '100-continue', ...headers },
        },
        (answer) => {
          answer.resume();
          resolve({ status: answer.statusCode ?? 0, continued });
        },
      );
      call.on('continue', () => {
        continued = true;
        call.end(body);
      });
      call.on('error', reject);
      call.flushHeaders();
    });
  assert.deepEqual(await send('/hooks/gh', signed(body)), { status: 202, continued: true });
  assert.deepEqual(await send('/elsewhere', signed(body)), { status: 404, continued: false });
  assert.deepEqual(await send('/hooks/gh', { ...signed(body), 'content-length': '2000000' }), {
    status: 413,
    continued: false,
  });
});

test('a delivery under way when policy or supervisor is killed is started once', async () => {
  for (const service of ['policy', 'supervisor'] as const) {
    const before_ = (await world.json('threads', '-n', '100')).threads.length;
    const taken = await Promise.all([0, 1, 2].map((n) => deliver('gh', `{"killed":"${service}","n":${n}}`)));
    const victim = world.anchor.services[service];
    await victim.kill();
    victim.start();
    for (const { delivery } of taken) assert.match(await outcome(delivery), /^started /);
    await until(
      'each has its thread',
      async () => (await world.json('threads', '-n', '100')).threads.length >= before_ + 3,
    );
  }
});
