// Nothing that is judged may hide a character; the cases are the console's
// (lib/text/visible_test.cc).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hides, visible, visibleLine } from './visible.ts';

test('what would mislead the eye is written out', () => {
  for (const shown of [visible, visibleLine]) {
    assert.equal(shown('rm \u202efdp.txt'), 'rm ⟨U+202E⟩fdp.txt');
    assert.equal(shown('a\u200bb\u0000c'), 'a⟨U+200B⟩b⟨U+0000⟩c');
    assert.equal(shown('\u{e0041}'), '⟨U+E0041⟩');
    assert.equal(shown('rm -rf\u00a0/\u3000x'), 'rm -rf⟨U+00A0⟩/⟨U+3000⟩x');
    assert.equal(shown('\u001b[2J\ud800'), '⟨U+001B⟩[2J⟨U+D800⟩');
  }
});

test('each kind at both of its ends', () => {
  // biome-ignore format: one after the other
  for (const code of [0x1, 0x7f, 0x9b, 0xa0, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x180b, 0x2001, 0x200b, 0x200d, 0x2028, 0x202a, 0x202f,
    0x2060, 0x2069, 0x2800, 0x3000, 0x3164, 0xe000, 0xf8ff, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xffff, 0x1bca0, 0x1d173, 0x1fffe, 0xe0001, 0xe01ef, 0x10ffff])
    assert.ok(hides(code), code.toString(16));
  for (const code of [
    0x20, 0x41, 0xa1, 0x301, 0x2010, 0x2027, 0x2030, 0x27ff, 0x2801, 0xac00, 0xfffd, 0x1f600, 0xe1000,
  ])
    assert.ok(!hides(code), code.toString(16));
});

test('ordinary text stays as it is', () => {
  const text = 'echo "grüße, 世界"\n\tls -la | wc\n        eight\n\n\nend';
  assert.equal(visible(text), text);
  assert.equal(visibleLine('Grüße 가나다 汉字 עברית 😀'), 'Grüße 가나다 汉字 עברית 😀');
});

test('nothing is pushed out of sight', () => {
  assert.equal(visibleLine('a\nb\tc\r\nd\re'), 'a↵b⇥c↵d⟨U+000D⟩e');
  assert.equal(visibleLine(`a${' '.repeat(8)}b`), 'a        b');
  assert.equal(visibleLine(`a${' '.repeat(3000)}rm`), 'a⟨3,000 blanks⟩rm');
  assert.equal(visibleLine(`a${' \n'.repeat(700)}rm`), 'a⟨1,400 blanks and line ends⟩rm');
  assert.equal(visible(`a${' '.repeat(3000)}rm`), 'a⟨3,000 blanks⟩rm');
  assert.equal(visible(`a${'\n'.repeat(400)}rm`), 'a\n⟨400 line ends⟩\nrm');
  assert.equal(visible('a\r\nb\rc'), 'a\nb⟨U+000D⟩c');
  assert.equal(visible(`\n${' '.repeat(500)}rm`), '\n⟨500 blanks⟩rm');
});

test('what is cut is counted, and no escape is cut', () => {
  assert.equal(visibleLine('abcdef', 6), 'abcdef');
  assert.equal(visibleLine('abcdef', 4), 'abcd… ⟨and 2 more⟩');
  assert.equal(visibleLine('汉字汉字', 2), '汉字… ⟨and 2 more⟩');
  assert.equal(visibleLine('ab\u202ecd', 5), 'ab… ⟨and 3 more⟩');
  assert.equal(visibleLine('x'.repeat(1_002_000), 2000).slice(2000), '… ⟨and 1,000,000 more⟩');
});
