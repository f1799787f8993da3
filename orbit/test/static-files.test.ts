// The static client and the set-up of Orbit itself: content types, caching, the
// security headers, paths that must lead nowhere, 503 when badly configured, TLS.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { makeCertificate, startOrbit } from '../tool/orbit-process.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { ask, newMac, newPhone } from './people.ts';

let dir: string;
let orbit: OrbitProcess;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'orbit-assets-'));
  const assets = join(dir, 'client');
  mkdirSync(join(assets, 'assets'), { recursive: true });
  writeFileSync(join(assets, 'index.html'), '<!doctype html><title>zane</title>');
  writeFileSync(join(assets, 'sw.js'), '// worker');
  writeFileSync(join(assets, 'manifest.webmanifest'), '{}');
  writeFileSync(join(assets, 'assets/app-B1x_9-aZ.js'), 'export {};'.repeat(500));
  writeFileSync(join(assets, '.hidden.js'), 'hidden');
  writeFileSync(join(assets, 'data.bin'), 'of no known type');
  writeFileSync(join(dir, 'outside.js'), 'outside');
  orbit = await startOrbit({ assetsDir: assets });
});
after(async () => {
  await orbit.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A path exactly as written: fetch would tidy it up. */
function rawGet(path: string): Promise<number> {
  return new Promise((done, fail) => {
    request({ host: '127.0.0.1', port: orbit.port, path }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    })
      .on('error', fail)
      .end();
  });
}

test('the page and its parts have their types and cache times', async () => {
  const expected: [string, string, string][] = [
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/index.html', 'text/html; charset=utf-8', 'no-cache'],
    ['/threads/0199', 'text/html; charset=utf-8', 'no-cache'],
    ['/sw.js', 'text/javascript; charset=utf-8', 'no-cache'],
    ['/manifest.webmanifest', 'application/manifest+json; charset=utf-8', 'no-cache'],
    ['/assets/app-B1x_9-aZ.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
  ];
  for (const [path, type, cache] of expected) {
    const { status, headers } = await ask(orbit, path);
    assert.deepEqual(
      [status, headers.get('content-type'), headers.get('cache-control')],
      [200, type, cache],
      path,
    );
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
  const script = await ask(orbit, '/assets/app-B1x_9-aZ.js');
  assert.equal(script.headers.get('content-encoding'), 'gzip');
  assert.equal(script.body['text'], 'export {};'.repeat(500));
  assert.equal((await ask(orbit, '/', { method: 'HEAD' })).status, 200);
});

test('the page runs its own scripts only, in no frame, and may use passkeys', async () => {
  const { headers } = await ask(orbit, '/');
  const policy = headers.get('content-security-policy') ?? '';
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    `connect-src 'self' ws://localhost:${orbit.port}`,
  ])
    assert.ok(policy.split('; ').includes(part), part);
  assert.ok(!/script-src[^;]*unsafe/.test(policy));
  assert.equal(
    headers.get('permissions-policy'),
    'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  );
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
});

test('paths that lead out, to hidden files, folders or unknown types are 404', async () => {
  for (const path of [
    '/../outside.js',
    '/%2e%2e/outside.js',
    '/..%2foutside.js',
    '/assets/..%2f..%2foutside.js',
    '/assets/%2e%2e/%2e%2e/outside.js',
    '//outside.js',
    '/.hidden.js',
    '/assets/.%2e/outside.js',
    '/..\\outside.js',
    '/data.bin',
    '/missing.js',
    '/assets/app-B1x_9-aZ.js/x.js',
    '/\u0000.js'.replace('\u0000', '%00'),
  ])
    assert.equal(await rawGet(path), 404, path);
  assert.equal(
    (await ask(orbit, '/assets')).headers.get('content-type'),
    'text/html; charset=utf-8',
    'a folder is never listed',
  );
  assert.equal((await ask(orbit, '/', { method: 'POST' })).status, 405);
  assert.equal((await ask(orbit, '/api/none')).body['error'], 'not-found');
  assert.equal((await ask(orbit, '/ws')).status, 403, 'no origin');
});

test('hello tells release and protocol', async () => {
  const { body, headers } = await ask(orbit, '/api/hello');
  assert.deepEqual([body['protocolMin'], body['protocolMax'], typeof body['release']], [1, 1, 'string']);
  assert.equal(headers.get('cache-control'), 'no-store');
});

test('a badly configured Orbit serves nothing and names the cure', async () => {
  const cases: [Record<string, string | undefined>, RegExp][] = [
    [{ ORBIT_SECRET: undefined }, /ORBIT_SECRET.*openssl rand/],
    [{ ORBIT_SECRET: 'x'.repeat(31) }, /ORBIT_SECRET.*32 characters/],
    [{ ORBIT_ORIGIN: undefined }, /ORBIT_ORIGIN.*missing/],
    [{ ORBIT_ORIGIN: 'http://x.example' }, /use https/],
    [{ ORBIT_ORIGIN: 'https://x.example/path' }, /leave out/],
    [{ ORBIT_ORIGIN: 'https://x.example, http://localhost:1' }, /mixes/],
  ];
  for (const [env, message] of cases) {
    const broken = await startOrbit({ env });
    for (const path of ['/', '/api/hello']) {
      const { status, body } = await ask(broken, path);
      assert.deepEqual([status, body['error']], [503, 'not-configured']);
      assert.match(body['message'], message);
    }
    await broken.stop();
  }
});

test('over TLS the cookies are Secure with the __Host- prefix, and the link works', async () => {
  const secure = await startOrbit({ tls: makeCertificate(dir) });
  const verify = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    const mac = await newMac(secure);
    const phone = await newPhone(secure, mac);
    assert.deepEqual([...phone.cookies.keys()].sort(), ['__Host-zane', '__Host-zane-session']);
    const { cookies } = await phone.login();
    assert.ok(
      cookies.length === 2 && cookies.every((cookie) => cookie.endsWith('; SameSite=Strict; Secure')),
    );
    const [link, line] = [await mac.online(), await phone.online()];
    line.send({ mac: mac.id, ack: { stream: 's' } });
    await link.next('ack');
    assert.ok((await ask(secure, '/api/hello')).status === 200);
  } finally {
    if (verify === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = verify;
    await secure.stop();
  }
});

test("an extra origin may be allowed; the passkeys belong to the first one's name", async () => {
  const two = await startOrbit({ env: { ORBIT_ORIGIN: 'https://x.example,https://app.x.example' } });
  const post = (origin: string) =>
    ask(two, '/api/login/options', {
      method: 'POST',
      body: '{}',
      headers: { origin, 'content-type': 'application/json' },
    });
  assert.equal((await post('https://app.x.example')).body['rpId'], 'x.example');
  assert.equal((await post('https://y.example')).status, 403);
  await two.stop();
});

test('a WebSocket that asks for no route of ours is refused', async () => {
  const socket = new WebSocket(`${orbit.wsUrl}/elsewhere.js`);
  const status = await new Promise((done) =>
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      done(response.statusCode);
    }),
  );
  assert.equal(status, 404);
});
