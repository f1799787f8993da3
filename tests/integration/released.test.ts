// The files of each released version (tests/fixtures) under today's services, as a
// person and a sender meet them. That each row is there is looked at beside the
// stores: services/*/released_test.cc.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../script/lib/anchor.ts';
import { fakeCodex } from '../harness/fake-codex.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { bin, until, World } from '../harness/world.ts';

interface Asked {
  thread: string;
  approval: string;
}
interface Found {
  secret: string;
  device: string;
  accepted: Asked;
  open: Asked;
  deliveries: { body: string; signature: string; delivery: string; result: string }[];
}
const fixtures = join(root, 'tests/fixtures');
const versions = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** A home as an upgrade finds it. The Mac's key is no part of a fixture: another one does. */
function lay(world: World, version: string): void {
  for (const folder of ['data', 'keys'])
    mkdirSync(join(world.home, folder), { recursive: true, mode: 0o700 });
  for (const name of readdirSync(join(fixtures, version)).filter((file) => file.endsWith('.db'))) {
    copyFileSync(join(fixtures, version, name), join(world.home, 'data', name));
    chmodSync(join(world.home, 'data', name), 0o600);
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(world.home, 'keys/mac.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
}

/** What the journal has of a thread: pages have it from Codex, whose threads are not in a fixture. */
async function tells(world: World, thread: string, what: RegExp): Promise<void> {
  const tail = spawn(join(bin, 'zane'), ['tail', '-n', '1000', thread], {
    env: { ...process.env, ZANE_HOME: world.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let said = '';
    for await (const chunk of tail.stdout) if (what.test((said += chunk))) return;
    assert.fail(`zane tail ended after: ${said}`);
  } finally {
    tail.kill();
  }
}

test('there is a released version', () => assert.ok(versions.includes('0.1')));

for (const version of versions) {
  test(`${version}: approvals, devices, deliveries, history and audit are there after the upgrade`, async () => {
    const found = JSON.parse(readFileSync(join(fixtures, version, 'found.json'), 'utf8')) as Found;
    const world = await World.start({
      codexBinary: fakeCodex,
      settings: (w) => {
        lay(w, version);
        return {};
      },
      hooks: (w) => [
        {
          id: 'ci',
          scheme: 'github',
          secret_file: w.secretFile('ci.secret', found.secret),
          cwd: w.work,
          prompt: 'say: again',
        },
      ],
    });
    try {
      const state = async (asked: Asked): Promise<string> =>
        (await world.json('approvals', '--all')).approvals.find(
          (row: Asked) => row.approval === asked.approval && row.thread === asked.thread,
        )?.state;
      assert.equal(await state(found.accepted), 'applied');
      // The Codex that asked is gone with its world.
      await until(
        'the open one is seen to be orphaned',
        async () => (await state(found.open)) === 'orphaned',
      );
      assert.ok(
        (await world.json('devices')).devices.some(
          (row: { device: string; name: string }) => row.device === found.device && row.name === 'a phone',
        ),
      );

      const { deliveries } = (await world.json('hooks')) as {
        deliveries: { delivery: string; result: string }[];
      };
      for (const { delivery, result } of found.deliveries)
        assert.match(
          deliveries.find((row) => row.delivery === delivery)?.result ?? 'none',
          result === 'accepted' ? /^started / : /^refused: /,
        );
      const [started] = found.deliveries;
      const again = world.anchor.services.webhook.saw(' result=duplicate ', false);
      await fetch(`${world.orbit.url}/hooks/${world.user}.ci`, {
        method: 'POST',
        body: started!.body,
        headers: { 'x-hub-signature-256': started!.signature },
      });
      await again;

      const phone = await NodePhone.enrol(world, 'a new phone');
      await tells(world, found.accepted.thread, /turn\/completed/);
      const { records } = (await phone.call('zane/audit', {})).result as {
        records: { what: string; who: string }[];
      };
      assert.ok(
        records.some(
          (record) => record.what === 'zane/approval/decide' && record.who === `device/${found.device}`,
        ),
      );
      assert.equal((await world.zane('doctor')).stdout.includes('damaged'), false);
    } finally {
      await world.close();
    }
  });
}
