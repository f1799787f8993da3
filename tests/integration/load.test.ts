// Bounds under load, not times: a little of what `script/load` does at length.
import { test } from 'node:test';
import { crowd, deepThread, longItem, longThread, manyThreads } from '../load/loads.ts';

test('fifty pages on a flood, one slow and one that stopped reading: the others get everything, nobody is cut off', async (t) => {
  t.diagnostic(JSON.stringify(await crowd({ pages: 50, perSecond: 1_000, seconds: 4, bytes: 1_000 })));
});

test('an item of 20 MB is named, and what follows comes', async (t) => {
  t.diagnostic(JSON.stringify(await longItem(20 * 1024 * 1024)));
});

test('a thread of 2,000 items is told whole and read page by page', async (t) => {
  t.diagnostic(JSON.stringify(await longThread(2_000)));
});

test('a thread of weeks, 5,000 items, is read to its first and goes on', async (t) => {
  t.diagnostic(JSON.stringify(await deepThread(5_000)));
});

test('300 threads are all listed', async (t) => {
  t.diagnostic(JSON.stringify(await manyThreads(300)));
});
