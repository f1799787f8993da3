// Unified diffs and the bare bodies that Codex sends for new files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIFF_LINES_MAX, readDiff } from './diff.ts';

test('lines get their kinds and are counted', () => {
  const diff = readDiff('--- a/x\n+++ b/x\n@@ -1 +1 @@\n same\n-old\n+new\n', 'update');
  assert.deepEqual(
    diff.lines.map((line) => line.kind),
    ['meta', 'meta', 'hunk', 'same', 'del', 'add'],
  );
  assert.deepEqual([diff.added, diff.removed, diff.more], [1, 1, 0]);
});

test('a new file is all added, a deleted one all removed', () => {
  assert.deepEqual(readDiff('a\nb\n', 'add').lines, [
    { kind: 'add', text: '+a' },
    { kind: 'add', text: '+b' },
  ]);
  assert.equal(readDiff('a\n', 'delete').removed, 1);
});

test('a huge diff is cut, and says by how much', () => {
  assert.equal(readDiff('+x\n'.repeat(DIFF_LINES_MAX + 7), 'update').more, 7);
});
