// The LaunchAgents: each template renders to a property list that says what
// launchd needs, and each binary starts with exactly the arguments it names.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'plist';
import { root, SERVICES } from '../../script/lib/anchor.ts';
import { preset, until } from '../harness/world.ts';

interface Agent {
  Label: string;
  ProgramArguments: string[];
  EnvironmentVariables: Record<string, string>;
  KeepAlive: boolean;
  RunAtLoad: boolean;
  ThrottleInterval: number;
  AbandonProcessGroup: boolean;
  StandardErrorPath: string;
  SoftResourceLimits: { NumberOfFiles: number };
}

for (const service of SERVICES) {
  test(`${service} starts as its LaunchAgent says`, async () => {
    const file = join(root, 'build', preset, 'launchd', `dev.zane.${service}.plist`);
    const agent = parse(readFileSync(file, 'utf8')) as unknown as Agent;
    assert.equal(agent.Label, `dev.zane.${service}`);
    assert.equal(agent.KeepAlive, true);
    assert.equal(agent.RunAtLoad, true);
    assert.ok(agent.ThrottleInterval >= 1);
    // Codex is supervisor's child and must survive it.
    assert.equal(agent.AbandonProcessGroup, service === 'supervisor');
    assert.match(agent.StandardErrorPath, /\/Library\/Logs\/Zane\//);
    assert.doesNotMatch(readFileSync(file, 'utf8'), /@[A-Z_]+@/);
    assert.ok(agent.SoftResourceLimits.NumberOfFiles >= 4096);
    assert.match(agent.EnvironmentVariables['LANG'] ?? '', /UTF-8$/);
    for (const folder of ['/opt/homebrew/bin', '/.volta/bin', '/mise/shims', '/usr/bin'])
      assert.match(agent.EnvironmentVariables['PATH'] ?? '', new RegExp(`${folder}(:|$)`));

    const home = join(root, 'build', 'w', `launchd-${service}-${process.pid}`);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const [program, ...rest] = agent.ProgramArguments;
    // launchd hands over nothing but this environment; only the home is the test's own.
    const child = spawn(program!, rest, {
      env: { ...agent.EnvironmentVariables, ZANE_HOME: home, ZANE_LOG_DIR: join(home, 'logs') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const log = join(home, 'logs', `${service}.log`);
    let ended: number | null | undefined;
    child.once('exit', (code) => {
      ended = code;
    });
    const ready = until(`${service} is ready`, () => {
      assert.equal(ended, undefined, `${service} ended`);
      return existsSync(log) && / ready\b/.test(readFileSync(log, 'utf8'));
    });
    try {
      await ready;
      const end = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      assert.equal(await end, 0);
    } finally {
      child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    }
  });
}

test('a path with signs that mean something in XML is written so that it comes back', (t) => {
  const build = join(root, 'build', 'w', `plist-${process.pid}`);
  t.after(() => rmSync(build, { recursive: true, force: true }));
  mkdirSync(build, { recursive: true });
  writeFileSync(
    join(build, 'CMakeLists.txt'),
    `cmake_minimum_required(VERSION 3.25)\nproject(p NONE)\nadd_subdirectory(${JSON.stringify(join(root, 'deploy/launchd'))} launchd)\n`,
  );
  const home = "/Users/a&b/<Zane>/it's";
  execFileSync(
    'cmake',
    [
      '-S',
      build,
      '-B',
      join(build, 'out'),
      `-DZANE_LAUNCHD_HOME=${home}`,
      '-DZANE_LOG_DIR=/logs&more',
      '-DZANE_BIN_DIR=/bin&x',
    ],
    { stdio: 'pipe' },
  );
  const agent = parse(
    readFileSync(join(build, 'out/launchd/dev.zane.policy.plist'), 'utf8'),
  ) as unknown as Agent;
  assert.equal(agent.EnvironmentVariables['ZANE_HOME'], home);
  assert.equal(agent.ProgramArguments[0], '/bin&x/policy');
  assert.equal(agent.StandardErrorPath, '/logs&more/policy.stderr.log');
});
