// Every delivery has a result that a person can see (`zane hooks`) and, where it
// started nothing, have sent again; a hook that can take nothing says why.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { until, World } from '../harness/world.ts';

interface Row {
  delivery: string;
  hook: string;
  result: string;
  setAside: boolean;
  canBeSentAgain: boolean;
  tries: string;
}
interface Hook {
  hook: string;
  address: string;
  localAddress: string;
  secretFile: string;
  trouble: string;
  waiting: string;
}

let world: World;
let port = 0;
let outside = '';

before(async () => {
  port = await freePort();
  world = await World.start({
    settings: () => ({ webhook: { port } }),
    hooks: (w) => {
      outside = join(w.folder, 'outside.secret');
      writeFileSync(outside, 'a secret of enough characters', { mode: 0o600 });
      return [
        { id: 'made', scheme: 'hmac', cwd: join(w.work, 'later'), prompt: 'say: hook made' },
        { id: 'open', scheme: 'github', secret_file: outside, cwd: w.work, prompt: 'say: hook open' },
      ];
    },
  });
  await world.anchor.services.webhook.saw(' listening ');
});
after(() => world?.close());

const listed = async (): Promise<{ hooks: Hook[]; deliveries: Row[] }> => world.json('hooks', '-n', '50');
const row = async (delivery: string): Promise<Row | undefined> =>
  (await listed()).deliveries.find((each) => each.delivery === delivery);
const ended = (delivery: string): Promise<Row> =>
  until(`${delivery} has a result`, async () => {
    const found = await row(delivery);
    return found !== undefined && found.result !== 'waits' ? found : undefined;
  });

/** Signed with the secret that webhook made; `at` in Unix seconds. */
async function deliver(
  body: string,
  at = Math.floor(Date.now() / 1000),
): Promise<{ status: number; delivery: string; result: string; message?: string }> {
  const secret = readFileSync(join(world.home, 'keys/hooks/made'), 'utf8').trim();
  const signature = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  const answer = await fetch(`http://127.0.0.1:${port}/hooks/made`, {
    method: 'POST',
    body,
    headers: { 'x-zane-timestamp': String(at), 'x-zane-signature': `sha256=${signature}` },
  });
  return { status: answer.status, ...((await answer.json()) as { delivery: string; result: string }) };
}

test("a secret is made for a hook that names none, for nobody else's eyes", async () => {
  const file = join(world.home, 'keys/hooks/made');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/);
  const hook = (await listed()).hooks.find((each) => each.hook === 'made');
  assert.equal(hook?.address, `${world.orbit.origin}/hooks/${world.user}.made`);
  assert.equal(hook?.localAddress, `http://127.0.0.1:${port}/hooks/made`);
  assert.ok(hook?.secretFile.endsWith('/keys/hooks/made'));
  assert.equal(hook?.trouble, '');
  assert.doesNotMatch((await world.zane('hooks')).stdout, new RegExp(readFileSync(file, 'utf8').trim()));
});

test('a secret outside $ZANE_HOME opens nothing, and status says so with the cure', async () => {
  const body = '{"x":1}';
  const headers = {
    'x-hub-signature-256': `sha256=${createHmac('sha256', 'a secret of enough characters').update(body).digest('hex')}`,
  };
  const answer = await fetch(`http://127.0.0.1:${port}/hooks/open`, { method: 'POST', body, headers });
  assert.equal(answer.status, 503, "our fault, not the sender's");
  assert.match(
    ((await answer.json()) as { message: string }).message,
    /a sandboxed task can read it: run `mv /,
  );
  const status = await world.zane('status');
  assert.equal(status.code, 2);
  assert.match(status.stdout, /webhook\s+degraded.*hook `open` takes nothing/);
  assert.ok(existsSync(outside));
});

test('refused for its folder, a delivery is seen, sent again by hand, and started', async () => {
  const first = await deliver('{"nr":1}');
  assert.equal(first.status, 202);
  const refused = await ended(first.delivery);
  assert.match(refused.result, /^refused: there is no folder/);
  assert.equal(refused.canBeSentAgain, true);
  mkdirSync(join(world.work, 'later'));
  const replayed = (await world.json('hooks', 'replay', first.delivery)).delivery as string;
  assert.match((await ended(replayed)).result, /^started /);
  assert.match((await row(first.delivery))?.result ?? '', new RegExp(`sent again as ${replayed}`));
  for (const id of [replayed, first.delivery, 'no-such-delivery']) {
    const ran = await world.zane('hooks', 'replay', id);
    assert.equal(ran.code, 1, id);
    assert.match(ran.stderr, /no longer kept|no delivery/);
  }
});

test('what the sender sends again is told what came of it before', async () => {
  const at = Math.floor(Date.now() / 1000);
  chmodSync(join(world.work, 'later'), 0o700);
  const first = await deliver('{"nr":2}', at);
  await ended(first.delivery);
  const second = await deliver('{"nr":2}', at);
  assert.deepEqual([second.status, second.result], [202, 'duplicate']);
  assert.match(second.message ?? '', /started for it before/);
  const nextDay = await deliver('{"nr":2}', at + 60);
  assert.equal(nextDay.result, 'accepted', 'the same body at another signed time is another delivery');
  assert.match((await ended(nextDay.delivery)).result, /^started /);
});

test('signed well but at an odd time, it is refused, kept, and a person can have it started', async () => {
  const late = await deliver('{"nr":3}', Math.floor(Date.now() / 1000) - 8 * 24 * 3600);
  assert.deepEqual([late.status, late.result], [401, 'refused']);
  assert.match(
    (await row(late.delivery))?.result ?? '',
    /^refused: the timestamp is older than 7 days: check the clocks/,
  );
  const replayed = (await world.json('hooks', 'replay', late.delivery)).delivery as string;
  assert.match((await ended(replayed)).result, /^started /);
});

test('many at once are all started, each once, while policy and supervisor are killed under them', async () => {
  const before_ = (await world.json('threads', '-n', '100')).threads.length;
  const taken = await Promise.all(
    Array.from({ length: 12 }, (_, nr) => deliver(JSON.stringify({ many: nr }))),
  );
  for (const service of ['policy', 'supervisor', 'webhook'] as const) {
    await world.anchor.services[service].kill();
    world.anchor.services[service].start();
  }
  await until('the console is answered again', async () => (await world.zane('hooks')).code === 0);
  const started = new Set<string>();
  for (const { delivery } of taken) started.add((await ended(delivery)).result);
  for (const result of started) assert.match(result, /^started \S+$/);
  assert.equal(started.size, taken.length, 'a thread each');
  await until(
    'all are listed',
    async () => (await world.json('threads', '-n', '100')).threads.length === before_ + taken.length,
  );
});
