// Unified diffs and the bare bodies that Codex sends for new files, read by their
// counts and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileDiff } from './diff.ts';
import { lineEnds, readChange, readPatch } from './diff.ts';

const change = (diff: string, kind = 'update', movedTo = '') =>
  readChange({ path: 'x', kind, movedTo, diff });
/** `-3 text` at its place before, `+4 text` after, `3 4 text` where it is the same. */
const told = (file: FileDiff): string[] =>
  file.hunks.flatMap((hunk) => [
    `@@ ${hunk.about}`,
    ...hunk.lines.map(({ kind, before, after, text, bare }) => {
      const place = kind === 'add' ? `+${after}` : kind === 'del' ? `-${before}` : `${before} ${after}`;
      return `${place} ${text}${bare ? ' (bare)' : ''}`;
    }),
  ]);

test('lines have their numbers, hunks what they are in', () => {
  const file = change(
    '--- a/x\n+++ b/x\n@@ -3,3 +3,4 @@ int main() {\n one\n-two\n+deux\n+drei\n three\n@@ -20 +21 @@\n-last\n\\ No newline at end of file\n+last\n',
  );
  assert.deepEqual(told(file), [
    '@@ int main() {',
    '3 3 one',
    '-4 two',
    '+4 deux',
    '+5 drei',
    '5 6 three',
    '@@ ',
    '-20 last (bare)',
    '+21 last',
  ]);
  assert.deepEqual([file.added, file.removed, file.unread, file.kind], [3, 2, '', 'update']);
});

test('lines that look like headers are lines: their hunk says how many there are', () => {
  const file = change(
    '@@ -1,4 +1,4 @@\n--- a comment in SQL\n-@@ -1 +1 @@\n+++ i;\n+@@ not a hunk @@\n same\n \n',
  );
  assert.deepEqual(told(file), [
    '@@ ',
    '-1 -- a comment in SQL',
    '-2 @@ -1 +1 @@',
    '+1 ++ i;',
    '+2 @@ not a hunk @@',
    '3 3 same',
    '4 4 ',
  ]);
  assert.deepEqual([file.added, file.removed], [2, 2]);
});

test('a new file is all added, a deleted one all removed, whatever is in it', () => {
  assert.deepEqual(told(change('a\n@@ -1 +1 @@\n-b', 'add')), [
    '@@ ',
    '+1 a',
    '+2 @@ -1 +1 @@',
    '+3 -b (bare)',
  ]);
  assert.deepEqual(told(change('a\n', 'delete')), ['@@ ', '-1 a']);
  assert.deepEqual([change('', 'add').added, change('', 'add').unread], [0, '']);
});

test('what is no diff is kept as it is, and never counted', () => {
  assert.deepEqual([change('nonsense\n+x').unread, change('nonsense\n+x').added], ['nonsense\n+x', 0]);
  const short = change('@@ -1,2 +1,2 @@\n a\n*odd\n+x');
  assert.deepEqual([told(short), short.unread], [['@@ ', '1 1 a'], '*odd\n+x']);
  assert.equal(change('@@ -1 +1 @@\n-a\n+b\n+c').unread, '+c', 'more than the header says');
  const moved = change('@@ -1 +1 @@\n-a\n+b\n\n\nMoved to: y', 'update', 'y');
  assert.deepEqual([moved.unread, moved.path, moved.from, moved.kind], ['', 'y', 'x', 'rename']);
});

test("git's own words: renames, modes, binary files, odd names", () => {
  const files = readPatch(
    [
      'diff --git a/src/a b.ts b/src/a b.ts',
      'index 1..2 100644',
      '--- a/src/a b.ts',
      '+++ b/src/a b.ts',
      '@@ -1 +1 @@',
      '-x',
      '+y',
      'diff --git a/old.ts b/new.ts',
      'similarity index 90%',
      'rename from old.ts',
      'rename to new.ts',
      '--- a/old.ts',
      '+++ b/new.ts',
      '@@ -1 +1 @@ f()',
      '-x',
      '+y',
      'diff --git a/run.sh b/run.sh',
      'old mode 100644',
      'new mode 100755',
      'diff --git a/logo.png b/logo.png',
      'new file mode 100644',
      'index 0000000..1',
      'Binary files /dev/null and b/logo.png differ',
      'diff --git "a/gr\\303\\274n.txt" "b/gr\\303\\274n.txt"',
      'deleted file mode 100644',
      '--- "a/gr\\303\\274n.txt"',
      '+++ /dev/null',
      '@@ -1,2 +0,0 @@',
      '-a',
      '-b',
      'diff --git a/tool b/tool',
      'new file mode 100755',
      '--- /dev/null',
      '+++ b/tool',
      '@@ -0,0 +1 @@',
      '+#!/bin/sh',
      '',
    ].join('\n'),
  );
  assert.deepEqual(
    files.map((file) => [
      file.kind,
      file.from,
      file.path,
      file.mode,
      file.binary,
      file.added,
      file.removed,
      file.unread,
    ]),
    [
      ['update', '', 'src/a b.ts', '', false, 1, 1, ''],
      ['rename', 'old.ts', 'new.ts', '', false, 1, 1, ''],
      ['update', '', 'run.sh', '100644 → 100755', false, 0, 0, ''],
      ['add', '', 'logo.png', '', true, 0, 0, ''],
      ['delete', '', 'grün.txt', '', false, 0, 2, ''],
      ['add', '', 'tool', '100755', false, 1, 0, ''],
    ],
  );
  assert.deepEqual(readPatch('').length, 0);
  assert.equal(readPatch('what is this\nno diff')[0]?.unread, 'what is this\nno diff');
});

test('a line in the place of another one shows what changed in it, in whole words', () => {
  const changed = (before: string, after: string): (string | undefined)[] => {
    const [del, add] = change(`@@ -1 +1 @@\n-${before}\n+${after}\n`).hunks[0]!.lines;
    return [del, add].map((line) => line?.changed && line.text.slice(...line.changed));
  };
  assert.deepEqual(changed('const retries = 3;', 'const retries = 30;'), ['3', '30']);
  assert.deepEqual(changed('call(first, second)', 'call(first, third, second)'), ['', 'third, ']);
  assert.deepEqual(changed('nothing is alike', '{ "json": true }'), [undefined, undefined]);
  const uneven = change('@@ -1,2 +1 @@\n-a b c\n-a b d\n+a b e\n').hunks[0]!.lines;
  assert.deepEqual(
    uneven.map((line) => line.changed),
    [undefined, undefined, undefined],
    'nobody knows which became which',
  );
});

test('line ends are told apart', () => {
  assert.equal(lineEnds(change('@@ -1 +1 @@\n-a\r\n+b\r\n')), 'crlf');
  assert.equal(lineEnds(change('@@ -1 +1 @@\n-a\r\n+a\n')), 'mixed');
  assert.equal(lineEnds(change('@@ -1 +1 @@\n-a\n+b\n')), 'lf');
});
