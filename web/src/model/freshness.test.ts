// The status line never claims more than the proof.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, clockTime, hops, proven, statusLine } from './freshness.ts';
import type { Proofs } from './freshness.ts';

const NOW = 1_800_000_000_000;
const good: Proofs = {
  orbitAtMs: NOW - 1000,
  macAtMs: NOW - 2000,
  codexAtMs: NOW - 3000,
  open: true,
  macOnline: true,
  macSinceMs: NOW - 9e5,
  codex: 'ready',
  codexMessage: '',
  codexSession: '',
  macFreshMs: 45_000,
  offlineAtMs: 0,
};
const line = (change: Partial<Proofs>, later = 0): string =>
  statusLine(hops({ ...good, ...change }, NOW + later));

test('live only when all three hops are proven', () => {
  assert.equal(line({}), 'Live');
  assert.equal(proven(hops(good, NOW)), true);
});

test('each hop falls by itself, and takes what is behind it along', () => {
  assert.equal(line({ open: false }), 'Phone–Orbit: not connected');
  assert.equal(line({ macOnline: false, macSinceMs: NOW }), `Orbit–Mac: offline since ${clockTime(NOW)}`);
  assert.equal(line({ macAtMs: NOW - 60_000 }), `Orbit–Mac: not known since ${clockTime(NOW - 60_000)}`);
  assert.equal(line({ codexAtMs: NOW - 90_000 }), `Mac–Codex: not known since ${clockTime(NOW - 90_000)}`);
  assert.equal(
    line({ codex: 'down', codexMessage: 'codex ended: run `zane up`' }),
    'Mac–Codex: codex ended: run `zane up`',
  );
  assert.equal(line({ offlineAtMs: NOW }), 'Phone–Orbit: this phone is offline');
  assert.equal(line({ offlineAtMs: NOW, orbitAtMs: NOW + 1 }), 'Live', 'an answer since then counts more');
  assert.deepEqual(
    hops({ ...good, open: false }, NOW).map((hop) => hop.state),
    ['down', 'unknown', 'unknown'],
  );
});

test('silence alone makes it unknown', () => {
  assert.match(line({}, 60_000), /not known since/);
  assert.equal(statusLine(hops({ ...good, orbitAtMs: 0, open: true }, NOW)), 'Phone–Orbit: not known yet');
});

test('ages are short', () => {
  assert.deepEqual(
    [ago(0, NOW), ago(NOW - 3000, NOW), ago(NOW - 200_000, NOW), ago(NOW - 8e6, NOW), ago(NOW + 5000, NOW)],
    ['never', '3 s ago', '3 min ago', '2 h ago', 'just now'],
  );
});
