// `script/chaos [--seeds N] [--from SEED]`: prints each round and the sum of all.
// Ctrl-C ends it after the round under way, with the sum so far. Exit code 1 when
// anything was lost, doubled, run again, stuck or untrue.
import { parseArgs } from 'node:util';
import { emptyTally, round } from './chaos.ts';
import { House } from './house.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '100' }, from: { type: 'string', default: '1' } },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];
if (!(seeds > 0) || !Number.isInteger(from)) {
  process.stderr.write('usage: script/chaos [--seeds N] [--from SEED]\n');
  process.exit(64);
}
let ended = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    ended = true;
  });
const tally = emptyTally();
const house = await House.open();
try {
  for (let seed = from; seed < from + seeds && !ended; seed++)
    await round(house, seed, tally, (line) => {
      process.stdout.write(`${line}\n`);
    });
} finally {
  await house.close();
}
const { lost, doubled, rerun, stuck, untrue } = tally.wrong;
process.stdout.write(
  `\n${tally.rounds} rounds, ${tally.faults} faults injected, ${tally.checks} checks\nlost ${lost}, doubled ${doubled}, run again ${rerun}, stuck ${stuck}, untrue ${untrue}\nlongest until the truth was back: ${Math.round(tally.longestMs)} ms\n`,
);
process.exitCode = lost + doubled + rerun + stuck + untrue > 0 ? 1 : 0;
