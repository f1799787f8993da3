// A short set of chaos: a few seeds of each story. `script/chaos` runs as many as one
// likes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { emptyTally, round } from './chaos.ts';
import { House } from './house.ts';

/** ZANE_SEED begins elsewhere. */
const FROM = Number(process.env['ZANE_SEED'] ?? 1);
const ROUNDS = 10;
let house: House;

before(async () => {
  house = await House.open();
});
after(() => house?.close());

test(`${ROUNDS} rounds from seed ${FROM}: nothing is lost, doubled, run again, stuck or untrue`, async () => {
  const tally = emptyTally();
  const lines: string[] = [];
  for (let seed = FROM; seed < FROM + ROUNDS; seed++)
    await round(house, seed, tally, (line) => lines.push(line));
  assert.deepEqual(tally.findings, [], lines.join('\n'));
  assert.ok(tally.checks > ROUNDS && tally.faults >= ROUNDS, 'something was done and looked at');
});
