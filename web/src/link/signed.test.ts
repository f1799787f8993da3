// The cryptography of docs/link.md, checked against the platform's own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fromBase64url, toBase64url } from '../../../proto/ts/base64url.ts';
import { FakeMac } from '../testing/fake-mac.ts';
import {
  approvalDigest,
  concat,
  importMacKey,
  makeDeviceKey,
  randomId,
  signCommand,
  utf8,
  verifyStatement,
} from './signed.ts';

test('a device key cannot be exported and its id commits to it', async () => {
  const device = await makeDeviceKey();
  assert.equal(device.privateKey.extractable, false);
  const expected = createHash('sha256').update(device.publicKey).digest().subarray(0, 16);
  assert.equal(device.id, expected.toString('base64url'));
  assert.match(device.id, /^[A-Za-z0-9_-]{22}$/);
});

test('a command signature covers the prefix and the bytes', async () => {
  const device = await makeDeviceKey();
  const body = utf8('{"a":1}');
  const signature = fromBase64url(await signCommand(device, body));
  const key = await crypto.subtle.importKey(
    'raw',
    device.publicKey,
    { name: 'ECDSA', namedCurve: 'P-256' },
    false,
    ['verify'],
  );
  const check = (message: Uint8Array<ArrayBuffer>) =>
    crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, message);
  assert.equal(signature.length, 64);
  assert.equal(await check(concat(utf8('zane-command-v1\n'), body)), true);
  assert.equal(await check(body), false);
});

test('a Mac key that does not hash to the id is refused', async () => {
  const [mac, other] = [await FakeMac.make(), await FakeMac.make()];
  await importMacKey(mac.id, toBase64url(mac.key));
  await assert.rejects(importMacKey(mac.id, toBase64url(other.key)), /does not belong/);
  await assert.rejects(importMacKey(mac.id, toBase64url(mac.key.subarray(1))));
});

test('a statement verifies only as signed', async () => {
  const mac = await FakeMac.make();
  const body = utf8('{"kind":"receipt"}');
  const signature = await mac.sign(body);
  assert.equal(await verifyStatement(mac.publicKey, body, signature), true);
  assert.equal(await verifyStatement(mac.publicKey, utf8('{"kind":"Receipt"}'), signature), false);
  for (const wrong of [undefined, '', '!!', 'AAAA', signature.slice(1)])
    assert.equal(await verifyStatement(mac.publicKey, body, wrong), false);
});

test('the approval digest separates request from shown', async () => {
  const digest = await approvalDigest(utf8('ab'), utf8('c'));
  assert.equal(digest, createHash('sha256').update('zane-approval-v1\n2\nab1\nc').digest('base64url'));
  assert.notEqual(digest, await approvalDigest(utf8('a'), utf8('bc')));
});

test('ids are 22 characters and do not repeat', () => {
  const ids = new Set(Array.from({ length: 1000 }, randomId));
  assert.equal(ids.size, 1000);
  for (const id of ids) assert.equal(id.length, 22);
});
