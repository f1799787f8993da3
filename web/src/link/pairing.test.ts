// The enrolment link and the judgement of the Mac's answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBase64url } from '../../../proto/ts/base64url.ts';
import type { Header } from '../../../proto/ts/link.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import { deviceName, judgePaired, pairFrame, readEnrolLink, tokenUser } from './pairing.ts';
import { concat, makeDeviceKey, randomId, utf8 } from './signed.ts';

const SECRET = toBase64url(new Uint8Array(16).fill(7));

async function proof(secret: string, body: Uint8Array): Promise<string> {
  const key = await crypto.subtle.importKey(
    'raw',
    Buffer.from(secret, 'base64url'),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  return toBase64url(
    new Uint8Array(await crypto.subtle.sign('HMAC', key, concat(utf8('zane-paired-v1\n'), body))),
  );
}

async function world() {
  const [mac, device] = [await FakeMac.make(), await makeDeviceKey()];
  const link = { token: 'x.y.z', mac: mac.id, secret: SECRET };
  const answer = async (
    fields: Record<string, unknown>,
    more: { signer?: FakeMac; secret?: string } = {},
  ) => {
    const body = utf8(
      JSON.stringify({
        kind: 'paired',
        mac: mac.id,
        key: toBase64url(mac.key),
        macName: 'Studio',
        device: device.id,
        role: 'owner',
        at: 5,
        ...fields,
      }),
    );
    const header: Header = {
      paired: {
        signature: await (more.signer ?? mac).sign(body),
        proof: await proof(more.secret ?? SECRET, body),
      },
    };
    return judgePaired(link, device, header, body);
  };
  return { mac, device, link, answer };
}

test('only a whole enrolment fragment is one', () => {
  const id = randomId();
  assert.deepEqual(readEnrolLink(`#enroll=a.b.c&mac=${id}&secret=${SECRET}`), {
    token: 'a.b.c',
    mac: id,
    secret: SECRET,
  });
  for (const wrong of ['', '#/threads', `#enroll=a&mac=${id}`, `#enroll=a&mac=short&secret=${SECRET}`])
    assert.equal(readEnrolLink(wrong), undefined);
  assert.equal(tokenUser(`h.${toBase64url(utf8('{"sub":"u"}'))}.s`), 'u');
  assert.equal(tokenUser('garbage'), '');
});

test('the pair frame carries the key and a proof over its body', async () => {
  const { link, device } = await world();
  const { header, body } = await pairFrame(link, device, 'Chrome on Android', 9, 'trace');
  assert.deepEqual(JSON.parse(Buffer.from(body).toString()), {
    mac: link.mac,
    key: toBase64url(device.publicKey),
    name: 'Chrome on Android',
    at: 9,
  });
  assert.match(header.pair?.proof ?? '', /^[A-Za-z0-9_-]{43}$/);
});

test('a genuine answer pairs', async () => {
  const { answer, mac, device } = await world();
  const judged = await answer({});
  assert.deepEqual(judged, {
    kind: 'paired',
    mac: {
      mac: mac.id,
      key: toBase64url(mac.key),
      device: device.id,
      name: 'Studio',
      role: 'owner',
      pairedAt: 5,
    },
  });
});

test('every forgery is told from it', async () => {
  const { answer } = await world();
  const stranger = await FakeMac.make();
  const kinds = await Promise.all([
    answer({}, { secret: toBase64url(new Uint8Array(16)) }),
    answer({}, { signer: stranger }),
    answer({ key: toBase64url(stranger.key) }, { signer: stranger }),
    answer({ mac: stranger.id }),
    answer({ device: 'other' }),
    answer({ kind: 'hello' }),
  ]);
  assert.deepEqual(
    kinds.map((judged) => judged.kind),
    Array(6).fill('forged'),
  );
});

test('a refusal is shown as one, proof or none', async () => {
  const { answer } = await world();
  const judged = await answer(
    { kind: 'refused', message: 'the code has expired: make a new one' },
    { secret: toBase64url(new Uint8Array(16)) },
  );
  assert.deepEqual(judged, { kind: 'refused', message: 'the code has expired: make a new one' });
});

test('devices have names a person knows', () => {
  assert.equal(
    deviceName('Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36'),
    'Chrome on Android',
  );
  assert.equal(
    deviceName(
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Mobile Safari/604',
    ),
    'Safari on iPhone',
  );
});
