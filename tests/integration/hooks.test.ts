// All three signature schemes, through Orbit's mailbox and at the loopback
// listener: signed starts one task, repeated starts none, forged starts none.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { freePort } from '../../orbit/tool/orbit-process.ts';
import { until, World } from '../harness/world.ts';

const SECRET = 'a secret of enough characters';
const SCHEMES = ['github', 'hmac', 'standard'] as const;
let world: World;
let port = 0;

before(async () => {
  port = await freePort();
  world = await World.start({
    settings: () => ({ webhook: { port } }),
    hooks: (w) =>
      SCHEMES.map((scheme) => ({
        id: scheme,
        scheme,
        secret_file: w.secretFile(`${scheme}.secret`, SECRET),
        cwd: w.work,
        prompt: `say: hook ${scheme}`,
      })),
  });
  await world.anchor.services.webhook.saw(' listening ');
});
after(() => world?.close());

const mac = (text: string, encoding: 'hex' | 'base64', secret: string): string =>
  createHmac('sha256', secret).update(text).digest(encoding);

function headers(scheme: (typeof SCHEMES)[number], body: string, secret = SECRET): Record<string, string> {
  const now = String(Math.floor(Date.now() / 1000));
  switch (scheme) {
    case 'github':
      return { 'x-hub-signature-256': `sha256=${mac(body, 'hex', secret)}` };
    case 'hmac':
      return {
        'x-zane-timestamp': now,
        'x-zane-signature': `sha256=${mac(`${now}.${body}`, 'hex', secret)}`,
      };
    case 'standard':
      return {
        'webhook-id': `msg_${body.length}`,
        'webhook-timestamp': now,
        'webhook-signature': `v1,${mac(`msg_${body.length}.${now}.${body}`, 'base64', secret)}`,
      };
  }
}

async function threads(scheme: string): Promise<number> {
  return (await world.json('threads', '-n', '100')).threads.filter((t: { preview: string }) =>
    t.preview.includes(`hook ${scheme}`),
  ).length;
}

for (const scheme of SCHEMES) {
  test(`${scheme}: through Orbit and on this machine, one delivery is one task`, async () => {
    const { webhook } = world.anchor.services;
    const body = JSON.stringify({ scheme });
    const good = headers(scheme, body);
    const started = webhook.saw(`hook=${scheme} result=accepted`, false);
    const posted = await fetch(`${world.orbit.url}/hooks/${world.user}.${scheme}`, {
      method: 'POST',
      body,
      headers: good,
    });
    assert.equal(posted.status, 202);
    await started;
    await until('its thread is listed', async () => (await threads(scheme)) === 1);

    const local = (h: Record<string, string>, text = body): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}/hooks/${scheme}`, { method: 'POST', body: text, headers: h });
    const again = await local(good);
    assert.deepEqual([again.status, ((await again.json()) as { result: string }).result], [202, 'duplicate']);
    const forged = await local(headers(scheme, `${body} `, 'another secret, as long as it'), `${body} `);
    assert.equal(forged.status, 401);
    const changed = await local(good, body.replace('scheme', 'SCHEME'));
    assert.equal(changed.status, 401);
    assert.equal(await threads(scheme), 1);
  });
}

test('the listener answers neither web pages, nor other names, nor unknown hooks', async () => {
  const at = `http://127.0.0.1:${port}/hooks/github`;
  const body = '{}';
  assert.equal(
    (
      await fetch(at, {
        method: 'POST',
        body,
        headers: { ...headers('github', body), origin: 'http://evil.example' },
      })
    ).status,
    403,
  );
  assert.equal((await fetch(at)).status, 405);
  assert.equal(
    (
      await fetch(`http://127.0.0.1:${port}/hooks/none`, {
        method: 'POST',
        body,
        headers: headers('github', body),
      })
    ).status,
    404,
  );
});
