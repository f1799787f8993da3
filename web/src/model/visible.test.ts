// Nothing that is approved may hide a character.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visible } from './visible.ts';

test('what would mislead the eye is written out', () => {
  assert.equal(visible('rm \u202efdp.txt'), 'rm ⟨U+202E⟩fdp.txt');
  assert.equal(visible('a\u200bb\u0000c\r'), 'a⟨U+200B⟩b⟨U+0000⟩c⟨U+000D⟩');
  assert.equal(visible('\u{e0041}'), '⟨U+E0041⟩');
});

test('ordinary text stays as it is', () => {
  const text = 'echo "grüße, 世界"\n\tls -la | wc';
  assert.equal(visible(text), text);
});
