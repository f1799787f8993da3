// Neighbours without a common protocol version: each says which part is to be
// updated, in its log, its state, or on its screen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WebSocketServer } from 'ws';
import type { AddressInfo } from 'node:net';
import { encodeTextFrame } from '../../proto/ts/link.ts';
import { enrol, openPhone, startBrowser } from '../harness/browser.ts';
import { HostileOrbit } from '../harness/hostile-orbit.ts';
import { NodePhone } from '../harness/node-phone.ts';
import { until, World } from '../harness/world.ts';

let world: World;
let hostile: HostileOrbit;
before(async () => {
  hostile = await HostileOrbit.start();
  world = await World.start({
    orbitOptions: { env: { ORBIT_ORIGIN: hostile.origin } },
    settings: (w) => ({ orbit: { url: w.orbit.url, public_url: hostile.origin } }),
  });
  hostile.standBefore(world.orbit.url);
});
after(async () => {
  await world?.close();
  hostile?.close();
});

test('an Orbit that is too new for relay: `zane doctor` names relay', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((done) => server.once('listening', done));
  server.on('connection', (socket) =>
    socket.send(
      encodeTextFrame({ hello: { part: 'orbit', protocolMin: 8, protocolMax: 9, release: '9.0.0' } }),
    ),
  );
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const old = await World.start({ waitForLink: false, settings: () => ({ orbit: { url } }) });
  try {
    await old.anchor.services.relay.saw('protocol_mismatch');
    assert.match(old.anchor.services.relay.log, /protocol_mismatch update=relay orbit_release=9\.0\.0/);
    await until('the state says it', async () =>
      /relay: update-needed.*update relay/.test((await old.zane('doctor')).stdout),
    );
  } finally {
    await old.close();
    server.close();
  }
});

test('a page that the Mac can no longer speak to is told so', async () => {
  const phone = await NodePhone.enrol(world);
  const receipt = await phone.call('zane/attach', { protocol: { min: 7, max: 8 }, release: '9.0.0' });
  assert.deepEqual([receipt.state, receipt.reason], ['refused', 'protocol']);
  assert.match(receipt.message!, /Zane on your Mac is too old/);
  assert.match(world.anchor.services.policy.log, /protocol_mismatch update=Mac/);
});

test('an Orbit that the page can no longer speak to: the screen names the part', async () => {
  const browser = await startBrowser();
  try {
    const phone = await openPhone(browser);
    await enrol(phone, await world.link());
    hostile.toPhone = (frame) => [
      frame.header.hello
        ? { ...frame, header: { hello: { ...frame.header.hello, protocolMin: 8, protocolMax: 9 } } }
        : frame,
    ];
    await phone.page.reload();
    await phone.page
      .getByText(/update|reload/i)
      .first()
      .waitFor();
    assert.match(
      await phone.page.locator('body').innerText(),
      /(app|page|client).*(too old|update|reload)/is,
    );
  } finally {
    await browser.close();
  }
});
