// The operator's tool as the operator runs it: a process, its output, its exit
// code.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isUser } from '../src/secrets.ts';
import { startOrbit } from '../tool/orbit-process.ts';
import type { OrbitProcess } from '../tool/orbit-process.ts';
import { FakeMac } from './people.ts';

let orbit: OrbitProcess;
before(async () => {
  orbit = await startOrbit();
});
after(async () => {
  await orbit.stop();
});

function operator(
  args: string[],
  secret = orbit.secret,
): Promise<{ code: number; out: string; error: string }> {
  const tool = join(import.meta.dirname, '../tool/operator.ts');
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [tool, ...args],
      { env: { PATH: process.env['PATH'], ORBIT_SECRET: secret } },
      (_error, out, error) => done({ code: child.exitCode ?? -1, out: out.trim(), error: error.trim() }),
    );
  });
}

test('a user is made and a Mac adopted', async () => {
  const { out: user } = await operator(['user']);
  assert.ok(await isUser(orbit.secret, user));
  const mac = await FakeMac.make(orbit, user);
  const adopted = await operator(['adopt', orbit.url, user, mac.id, 'the desk', mac.key]);
  assert.deepEqual([adopted.code, adopted.out], [0, `${mac.id} is registered as "the desk"`]);
  await mac.online();
  const other = await FakeMac.make(orbit, user);
  const refused = await operator(['adopt', orbit.url, user, mac.id, 'the desk', other.key]);
  assert.equal(refused.code, 77);
  assert.match(refused.error, /409.*another link credential/);
});

test('what is wrong is said, with an exit code of its own', async () => {
  const { out: user } = await operator(['user']);
  const cases: [string[], string, number, RegExp][] = [
    [[], orbit.secret, 64, /usage/],
    [['users'], orbit.secret, 64, /usage/],
    [['adopt', orbit.url, user], orbit.secret, 64, /usage/],
    [['adopt', 'ftp://x', user, 'm', 'n', 'k'], orbit.secret, 64, /not Orbit's address/],
    [['user'], 'short', 78, /ORBIT_SECRET/],
    [
      ['adopt', orbit.url, user, 'm', 'n', 'k'],
      'another secret of at least 32 characters',
      78,
      /no user of this/,
    ],
    [['adopt', 'http://127.0.0.1:1', user, 'm', 'n', 'k'], orbit.secret, 77, /no answer/],
  ];
  for (const [args, secret, code, error] of cases) {
    const result = await operator(args, secret);
    assert.equal(result.code, code, args.join(' '));
    assert.match(result.error, error);
  }
});
