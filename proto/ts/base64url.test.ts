// base64url both ways, and that a text has one reading only.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { fromBase64url, toBase64url } from './base64url.ts';

test('bytes of every length come back', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = new Uint8Array(randomBytes(length));
    const text = toBase64url(bytes);
    assert.equal(text, Buffer.from(bytes).toString('base64url'));
    assert.deepEqual(fromBase64url(text), bytes);
  }
});

test('padding, other alphabets, stray bits and impossible lengths are refused', () => {
  for (const text of ['AA==', 'A', 'AB', '+/+/', 'AA\n', ' AAA', 'AAAAA', 'é'])
    assert.throws(() => fromBase64url(text), TypeError, text);
});
