// The long loads, with their figures: `script/load [NAME]`.
import { crowd, deepThread, longItem, longThread, manyThreads } from './loads.ts';
import type { Figures } from './loads.ts';

const LOADS: Record<string, () => Promise<Figures>> = {
  crowd: () => crowd({ pages: 50, perSecond: 2_000, seconds: 20, bytes: 300 }),
  item: () => longItem(20 * 1024 * 1024),
  thread: () => longThread(5_000),
  deep: () => deepThread(100_000),
  threads: () => manyThreads(2_000),
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in LOADS));
if (unknown !== undefined)
  throw new Error(`no load is called \`${unknown}\`: use ${Object.keys(LOADS).join(', ')}, or none for all`);
for (const [name, load] of Object.entries(LOADS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const figures = await load();
  console.log(
    `${name}: ${Object.entries(figures)
      .map(([what, value]) => `${what} ${value}`)
      .join(', ')}`,
  );
}
