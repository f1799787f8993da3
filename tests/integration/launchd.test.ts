// The LaunchAgents: each template renders to a property list that says what
// launchd needs, and each binary starts with exactly the arguments it names.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'plist';
import { root, SERVICES } from '../../script/lib/anchor.ts';
import { preset } from '../harness/world.ts';

interface Agent {
  Label: string;
  ProgramArguments: string[];
  EnvironmentVariables: Record<string, string>;
  KeepAlive: boolean;
  RunAtLoad: boolean;
  ThrottleInterval: number;
  AbandonProcessGroup: boolean;
  StandardErrorPath: string;
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

    const home = join(root, 'build', 'w', `launchd-${service}-${process.pid}`);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const [program, ...rest] = agent.ProgramArguments;
    // launchd hands over nothing but this environment; only the home is the test's own.
    const child = spawn(program!, rest, { env: { ...agent.EnvironmentVariables, ZANE_HOME: home }, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    const ready = new Promise<void>((done, fail) => {
      child.stderr.on('data', (text: Buffer) => {
        log += text.toString();
        if (/ ready\b/.test(log)) done();
      });
      child.once('exit', (code) => fail(new Error(`${service} ended with ${code}: ${log}`)));
    });
    try {
      await ready;
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      assert.equal(await ended, 0);
    } finally {
      child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    }
  });
}
