// Enrolment, login, cookies, sessions and logout against the real bundle in a
// real workerd. Every refusal is tried with the one thing wrong that it names.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { operatorToken } from '../src/secrets.ts';
import { startOrbit } from '../tool/orbit-process.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { FakeMac, Phone, UpgradeRefused, ask, newMac, newPhone, newUser } from './people.ts';

let orbit: OrbitProcess;
before(async () => {
  orbit = await startOrbit();
});
after(async () => {
  await orbit.stop();
});

const seconds = () => Math.floor(Date.now() / 1000);

test('a Mac is registered by the operator alone, once per key', async () => {
  const mac = await FakeMac.make(orbit, await newUser(orbit));
  const other = await FakeMac.make(orbit, mac.user);
  assert.equal((await mac.register({ token: 'made-up' })).status, 401);
  const forOther = await operatorToken(orbit.secret, mac.user, other.id, other.key);
  assert.equal((await mac.register({ token: forOther })).status, 401, 'a token for another Mac and key');
  assert.equal((await mac.register({ key: 'AAAA' })).body['error'], 'bad-key');
  assert.equal((await mac.register({ name: '' })).body['error'], 'bad-name');
  assert.equal((await mac.register()).status, 200);
  assert.equal(
    (await mac.register({ name: 'renamed' })).body['name'],
    'renamed',
    'idempotent for the same key',
  );
  const taken = await mac.register({ key: other.key });
  assert.deepEqual([taken.status, taken.body['error']], [409, 'other-key']);
});

test('a made-up user is refused before any object is touched', async () => {
  const user = await newUser(orbit);
  const forged = (user[0] === 'A' ? 'B' : 'A') + user.slice(1);
  const mac = await FakeMac.make(orbit, forged);
  assert.deepEqual((await mac.register()).body['error'], 'unknown-user');
  assert.equal((await ask(orbit, `/hooks/${forged}.h1`, { method: 'POST' })).status, 404);
  await assert.rejects(mac.connect(), (error) => error instanceof UpgradeRefused && error.status === 404);
});

test('an enrolment token is good once', async () => {
  const mac = await newMac(orbit);
  const token = await mac.token('zane-enroll');
  const phone = new Phone(orbit);
  const answer = await phone.enroll(token);
  assert.equal(answer.status, 200);
  assert.equal(answer.body['user'], mac.user);
  const again = await new Phone(orbit).enroll(token);
  assert.deepEqual([again.status, again.body['error']], [401, 'token-used']);
});

test('a token raced by two browsers enrols one of them', async () => {
  const mac = await newMac(orbit);
  const token = await mac.token('zane-enroll');
  const answers = await Promise.all([new Phone(orbit).enroll(token), new Phone(orbit).enroll(token)]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 401]);
});

test('a failed registration does not cost the token', async () => {
  const mac = await newMac(orbit);
  const token = await mac.token('zane-enroll');
  const phone = new Phone(orbit);
  const options = await phone.post('/api/enroll/options', { token });
  for (const but of [{ userVerified: false }, { origin: 'https://evil.example' }]) {
    const refused = await phone.post('/api/enroll/verify', {
      token,
      response: phone.passkey.register(options.body as never, but),
    });
    assert.deepEqual([refused.status, refused.body['error']], [400, 'bad-passkey']);
  }
  assert.equal((await phone.enroll(token)).status, 200);
});

test('enrolment tokens that are expired, foreign or meant for something else are refused', async () => {
  const mac = await newMac(orbit);
  const stranger = await newMac(orbit);
  const refused = async (token: string) => (await new Phone(orbit).enroll(token)).body['error'];
  assert.equal(
    await refused(await mac.token('zane-enroll', { iat: seconds() - 200, exp: seconds() - 100 })),
    'expired',
  );
  assert.equal(
    await refused(await mac.token('zane-enroll', { iat: seconds(), exp: seconds() + 7200 })),
    'bad-token',
    'lives too long',
  );
  assert.equal(
    await refused(await mac.token('zane-enroll', { iat: seconds() + 1800, exp: seconds() + 3600 })),
    'bad-token',
    'from the future',
  );
  assert.equal(
    await refused(await mac.token('zane-enroll', { key: stranger.privateKey })),
    'bad-token',
    'wrong key',
  );
  assert.equal(
    await refused(await mac.token('zane-enroll', { sub: stranger.user })),
    'unknown-mac',
    'another user',
  );
  assert.equal(
    await refused(await mac.token('zane-enroll', { iss: stranger.id })),
    'unknown-mac',
    "another user's Mac",
  );
  assert.equal(await refused(await mac.token('zane-link')), 'bad-token', 'a link token');
  assert.equal(await refused('not.a.token'), 'bad-token');
});

test('a passkey signs in again, and its answer is good once', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  phone.cookies.clear();
  const options = await phone.post('/api/login/options');
  assert.equal(options.body['allowCredentials']?.length ?? 0, 0, 'discoverable: nobody is named');
  const response = phone.passkey.authenticate(options.body as never);
  assert.equal((await phone.post('/api/login/verify', { response })).status, 200);
  assert.equal((await phone.session()).body['user'], mac.user);
  const replay = await phone.post('/api/login/verify', { response });
  assert.notEqual(replay.status, 200);
});

test('logins with a used or foreign challenge, without a person, by a stranger or with a worn counter are refused', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  const stranger = await newPhone(orbit, await newMac(orbit));
  const options = (await phone.post('/api/login/options')).body as never;
  const verify = async (response: unknown) =>
    (await phone.post('/api/login/verify', { response })).body['error'];
  assert.equal(await verify(phone.passkey.authenticate(options, { counter: 5 })), undefined);
  assert.equal(
    await verify(phone.passkey.authenticate(options, { counter: 9 })),
    'challenge-used',
    'a fresh signature over a used challenge',
  );
  const fresh = (await phone.post('/api/login/options')).body as never;
  assert.equal(
    await verify(phone.passkey.authenticate(fresh, { counter: 1 })),
    'bad-passkey',
    'the counter went back',
  );
  assert.equal(
    await verify(phone.passkey.authenticate(fresh, { userVerified: false, counter: 10 })),
    'bad-passkey',
  );
  assert.equal(
    await verify(phone.passkey.authenticate(fresh, { origin: 'https://evil.example', counter: 10 })),
    'bad-passkey',
  );
  assert.equal(
    await verify(phone.passkey.authenticate({ challenge: 'AAAA', rpId: 'localhost' }, { counter: 10 })),
    'bad-passkey',
  );
  assert.equal(
    await verify(stranger.passkey.authenticate(fresh, { userHandle: mac.user })),
    'unknown-passkey',
  );
  assert.equal(
    await verify(phone.passkey.authenticate(fresh, { userHandle: 'A'.repeat(32) })),
    'unknown-user',
  );
  assert.equal(await verify({ id: 7 }), 'unknown-user');
  const enrolToken = await mac.token('zane-enroll');
  const forEnrolment = (await phone.post('/api/enroll/options', { token: enrolToken })).body as never;
  assert.equal(
    await verify(phone.passkey.authenticate(forEnrolment, { counter: 10 })),
    'bad-passkey',
    'a challenge of another purpose',
  );
});

test('cookies are HttpOnly and SameSite=Strict; plain names on http loopback only', async () => {
  const phone = new Phone(orbit);
  const { cookies } = await phone.enroll(await (await newMac(orbit)).token('zane-enroll'));
  assert.equal(cookies.length, 2);
  assert.match(cookies[0] ?? '', /^zane=[^;]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Strict$/);
  assert.match(cookies[1] ?? '', /^zane-session=[^;]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/);
});

test('a POST of another origin, without one, or of another content type is refused', async () => {
  const phone = await newPhone(orbit, await newMac(orbit));
  for (const path of [
    '/api/enroll/options',
    '/api/enroll/verify',
    '/api/login/options',
    '/api/login/verify',
    '/api/session/renew',
    '/api/logout',
  ]) {
    assert.equal(
      (await phone.post(path, {}, { origin: 'https://evil.example' })).body['error'],
      'foreign-origin',
      path,
    );
    assert.equal(
      (await phone.post(path, {}, { origin: orbit.url })).body['error'],
      'foreign-origin',
      'the address is not the origin',
    );
    assert.equal(
      (await phone.post(path, {}, { 'content-type': 'text/plain' })).body['error'],
      'bad-content-type',
      path,
    );
    const bare = await ask(orbit, path, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(bare.body['error'], 'foreign-origin', 'no origin');
  }
  assert.equal((await phone.session()).status, 200, 'still signed in');
});

test('a body that is no JSON object, or is too large, is refused', async () => {
  const headers = { origin: orbit.origin, 'content-type': 'application/json' };
  for (const body of ['', '[]', '{', 'null'])
    assert.equal(
      (await ask(orbit, '/api/login/verify', { method: 'POST', headers, body })).body['error'],
      'bad-json',
    );
  const large = JSON.stringify({ response: 'x'.repeat(70_000) });
  assert.equal((await ask(orbit, '/api/login/verify', { method: 'POST', headers, body: large })).status, 413);
});

test('an access cookie is worth nothing when forged, expired or of an ended session', async () => {
  const { SignJWT } = await import('jose');
  const { secretHmac } = await import('../src/secrets.ts');
  const phone = await newPhone(orbit, await newMac(orbit));
  const [user, sid] = (phone.cookies.get('zane-session') ?? '').split('.');
  const signed = async (key: Uint8Array, exp: number, aud = 'zane-access') =>
    new SignJWT({ sid })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user ?? '')
      .setAudience(aud)
      .setExpirationTime(exp)
      .sign(key);
  const key = await secretHmac(orbit.secret, 'access-cookie\n');
  const session = async (jwt: string) => {
    phone.cookies.set('zane', jwt);
    return (await phone.session()).status;
  };
  assert.equal(await session(await signed(key, seconds() + 60)), 200);
  assert.equal(await session(await signed(key, seconds() - 1)), 401, 'expired');
  assert.equal(await session(await signed(key, seconds() + 60, 'other')), 401, 'another audience');
  assert.equal(await session(await signed(new Uint8Array(32), seconds() + 60)), 401, 'another key');
  await assert.rejects(phone.connect(), (error) => error instanceof UpgradeRefused && error.status === 401);
});

test('renewal replaces the session secret; two tabs at once stay signed in; a wrong secret ends the session', async () => {
  const phone = await newPhone(orbit, await newMac(orbit));
  const first = phone.cookies.get('zane-session') ?? '';
  const tabs = await Promise.all([phone.post('/api/session/renew'), phone.post('/api/session/renew')]);
  assert.deepEqual(
    tabs.map((tab) => tab.status),
    [200, 200],
  );
  const second = phone.cookies.get('zane-session') ?? '';
  assert.notEqual(second, first);
  phone.cookies.set('zane-session', first);
  assert.equal((await phone.post('/api/session/renew')).status, 200, 'an answer was lost');
  assert.equal(phone.cookies.get('zane-session'), second, 'the same secret is told again');
  const line = await phone.online();
  const [user, sid] = second.split('.');
  phone.cookies.set('zane-session', `${user}.${sid}.${'A'.repeat(43)}`);
  const reused = await phone.post('/api/session/renew');
  assert.deepEqual([reused.status, reused.body['error']], [401, 'signed-out']);
  assert.equal((await line.closed).code, 4001);
  phone.cookies.set('zane-session', second);
  assert.equal((await phone.post('/api/session/renew')).status, 401, 'the session is gone for everyone');
});

test('logout ends the session, its cookies and its sockets, and no other session', async () => {
  const mac = await newMac(orbit);
  const phone = await newPhone(orbit, mac);
  const other = await newPhone(orbit, mac);
  const [line, otherLine] = [await phone.online(), await other.online()];
  const access = phone.cookies.get('zane') ?? '';
  const answer = await phone.post('/api/logout');
  assert.equal(answer.status, 200);
  assert.ok(answer.cookies.every((cookie) => cookie.includes('Max-Age=0')));
  assert.equal(phone.cookies.size, 0);
  assert.equal((await line.closed).code, 4001);
  phone.cookies.set('zane', access);
  assert.equal((await phone.session()).status, 401, 'the access cookie is dead at once');
  await otherLine.settle();
  assert.equal((await other.session()).status, 200);
});

test('sign-ins, passkeys and what was used once survive `kill -9`', async () => {
  const mac = await newMac(orbit);
  const token = await mac.token('zane-enroll');
  const phone = new Phone(orbit);
  assert.equal((await phone.enroll(token)).status, 200);
  await orbit.restart();
  assert.equal((await phone.session()).status, 200);
  assert.equal((await phone.post('/api/session/renew')).status, 200);
  assert.equal((await new Phone(orbit).enroll(token)).body['error'], 'token-used');
  assert.equal((await phone.login()).status, 200);
  await mac.online();
});

test('too many tries are told to wait', async () => {
  const mac = await newMac(orbit);
  const token = await mac.token('zane-enroll', { exp: seconds() - 1, iat: seconds() - 50 });
  const phone = new Phone(orbit);
  const statuses = new Set<number>();
  for (let i = 0; i < 150 && !statuses.has(429); i++)
    statuses.add((await phone.post('/api/enroll/options', { token })).status);
  assert.ok(statuses.has(429));
});
