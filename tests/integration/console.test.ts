// The console where things are odd: homes with signs that mean something in a URI,
// a home behind a link, nobody there, an empty id, a narrow window, other locales.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { ExecFileException } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Anchor, root, writeConfig } from '../../script/lib/anchor.ts';
import { bin, until } from '../harness/world.ts';
import type { Ran } from '../harness/world.ts';

const folder = join(root, 'build', 'w', randomBytes(3).toString('hex'));
after(() => rmSync(folder, { recursive: true, force: true }));

function zane(home: string, args: string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((done) => {
    execFile(
      join(bin, 'zane'),
      args,
      { env: { ...process.env, ...env, ZANE_HOME: home }, timeout: 60_000 },
      (error: ExecFileException | null, stdout, stderr) =>
        done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

/** The four services on a home, with no Codex and no Orbit. */
async function started(home: string, publicUrl = 'https://mac.example.test'): Promise<Anchor> {
  writeConfig(home, {
    codex: { binary: '/no/codex' },
    orbit: { url: 'http://127.0.0.1:9', public_url: publicUrl, user: 'u' },
  });
  const anchor = new Anchor({ home, bin });
  await anchor.keys();
  anchor.start();
  await anchor.listening();
  return anchor;
}

for (const name of ['50%41b', 'a#b', 'a?b=c', 'Application Support', 'ä&汉', '%', "it's"])
  test(`a home called \`${name}\` is spoken to`, async () => {
    const home = join(folder, name, 'Z');
    const anchor = await started(home);
    try {
      const ran = await zane(home, ['status']);
      assert.equal(ran.code, 2, ran.stderr);
      assert.match(ran.stdout, /policy\s+ready/);
    } finally {
      await anchor.stop();
    }
  });

test('a home behind a link is one home, by either name', async () => {
  const real = join(folder, 'real');
  const link = join(folder, 'link');
  mkdirSync(real, { mode: 0o700 });
  symlinkSync(real, link);
  const anchor = await started(link);
  try {
    for (const home of [real, link]) assert.match((await zane(home, ['status'])).stdout, /policy\s+ready/);
    assert.equal(
      (await zane('link', ['status'], { PWD: folder })).code,
      69,
      'a relative one is taken from the current folder',
    );
  } finally {
    await anchor.stop();
  }
});

test('with nobody there it says so, and doctor still looks at what it can', async () => {
  const home = join(folder, 'nobody');
  mkdirSync(home, { mode: 0o700 });
  const status = await zane(home, ['status']);
  assert.equal(status.code, 69);
  assert.match(status.stderr, /supervisor is not running for/);
  chmodSync(home, 0o755);
  const doctor = await zane(home, ['doctor'], { PATH: '/nowhere', HOME: folder, LC_ALL: 'C' });
  assert.equal(doctor.code, 69);
  assert.match(doctor.stdout, /warn {2}home: .*chmod 700/);
  assert.match(doctor.stdout, /warn {2}codex: not on PATH \(\/nowhere\)/);
  assert.match(doctor.stdout, /warn {2}locale: not UTF-8/);
  const json = await zane(home, ['doctor', '--json']);
  assert.equal(JSON.parse(json.stdout).checks.length, 9);
  // A file that nobody serves is the same.
  mkdirSync(join(home, 'run'));
  writeFileSync(join(home, 'run/admin.sock'), '');
  assert.match((await zane(home, ['threads'])).stderr, /supervisor is not running/);
});

test('an approval has to be named, and what is typed can do nothing to the terminal', async () => {
  const home = join(folder, 'ids');
  const anchor = await started(home);
  try {
    await until('supervisor answers', async () => (await zane(home, ['status'])).code === 2);
    for (const order of ['approve', 'deny']) assert.deepEqual((await zane(home, [order, ''])).code, 64);
    const odd = await zane(home, ['approve', 'x\u202e\u001b[2J']);
    assert.equal(odd.code, 1);
    assert.match(odd.stderr, /there is no approval `x⟨U\+202E⟩⟨U\+001B⟩\[2J`/);
  } finally {
    await anchor.stop();
  }
});

test('the QR code is drawn for the place it is shown at', async () => {
  const home = join(folder, 'qr');
  const anchor = await started(home, 'https://firstname-lastnames-macbook-pro.tail1a2b3c.ts.net');
  try {
    await until('supervisor answers', async () => (await zane(home, ['status'])).code === 2);
    const file = await zane(home, ['pair'], { LC_ALL: 'C.UTF-8' });
    assert.equal(file.code, 0, file.stderr);
    assert.match(file.stdout, /[▀▄█]{5}/);
    assert.doesNotMatch(file.stdout, /\u001b/, 'no colours into a file');
    const ascii = await zane(home, ['pair'], { LC_ALL: 'C' });
    assert.match(ascii.stdout, /##/);
    assert.doesNotMatch(ascii.stdout.split('\n').slice(4).join('\n'), /[^\u0000-\u007f]/);
    // A terminal of this size, by script(1).
    const shown = (columns: number, rows: number, env: Record<string, string> = {}): Promise<string> =>
      new Promise((done) => {
        execFile(
          'script',
          ['-qec', `stty cols ${columns} rows ${rows}; exec ${join(bin, 'zane')} pair`, '/dev/null'],
          { env: { ...process.env, LC_ALL: 'C.UTF-8', ZANE_HOME: home, ...env } },
          (_, stdout) => done(stdout),
        );
      });
    const wide = await shown(200, 100);
    assert.match(wide, /\u001b\[38;5;16;48;5;231m/);
    const width = Math.max(
      ...wide
        .split('\n')
        .filter((line) => line.startsWith('\u001b'))
        .map((line) => line.replace(/\u001b\[[0-9;]*m/g, '').trimEnd().length),
    );
    for (const [columns, rows] of [
      [60, 100],
      [200, 24],
      [80, 24],
    ] as const) {
      const narrow = await shown(columns, rows);
      assert.match(narrow, /make this window \d+ columns wide and \d+ rows high \(it is \d+ by \d+\)/);
      assert.doesNotMatch(narrow, /[▀▄█]{5}/, 'no half of a code');
    }
    const needed = /make this window (\d+) columns/.exec(await shown(60, 100))?.[1];
    assert.ok(Number(needed) >= width && Number(needed) <= width + 8, `${needed} for ${width}`);
    assert.doesNotMatch(await shown(200, 100, { NO_COLOR: '1' }), /\u001b\[38/);
  } finally {
    await anchor.stop();
  }
});
