// Two taps, one order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { once } from './once.ts';

test('a second tap is the first one, until that has ended, however it ends', async () => {
  let calls = 0;
  let end = (_how: Error | undefined): void => {};
  const tap = once(async () => {
    calls++;
    const how = await new Promise<Error | undefined>((resolve) => {
      end = resolve;
    });
    if (how) throw how;
  });
  const both = [tap(), tap()];
  assert.equal(calls, 1);
  end(undefined);
  await Promise.all(both);
  const third = tap();
  assert.equal(calls, 2);
  end(new Error('no'));
  await assert.rejects(third, /no/);
  const fourth = tap();
  assert.equal(calls, 3);
  end(undefined);
  await fourth;
});
