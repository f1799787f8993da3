// What a terminal would have left of what programs write.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '../testing/fake-relay.ts';
import { readOutput } from './terminal-output.ts';

const text = (output: string): string =>
  readOutput(output)
    .map((line) => line.map((span) => span.text).join(''))
    .join('\n');
const spans = (output: string) =>
  readOutput(output).flatMap((line) =>
    line.map(({ text: shown, style }) => [shown, style.colour, style.bold]),
  );

test('text without controls stays as it is', () => {
  for (const plain of ['', 'a\nb\n', '  tabs\there\n\n', 'grüße 世界 😀']) assert.equal(text(plain), plain);
});

test('progress leaves its last state', () => {
  assert.equal(text('10 %\r50 %\r100 %\ndone'), '100 %\ndone');
  assert.equal(text('long line\rshort\x1b[K'), 'short');
  assert.equal(text('one\ntwo\nthree\x1b[1A\x1b[2K\rTWO'), 'one\nTWO\nthree');
  assert.equal(text('a\nb\nc\x1b[2A\x1b[J'), 'a');
  assert.equal(text('abc\b\bX'), 'aXc');
  assert.equal(text('ab\x1b[5GZ\x1b[2DY'), 'ab YZ');
  assert.equal(text('\x1b[2Jkept\x1b[H'), 'kept');
});

test('colours are told, and end where they end', () => {
  assert.deepEqual(spans('\x1b[1;31merror\x1b[0m: \x1b[92mok\x1b[39m.'), [
    ['error', 1, true],
    [': ', undefined, false],
    ['ok', 10, false],
    ['.', undefined, false],
  ]);
  assert.deepEqual(
    spans('\x1b[38;5;196mred\x1b[38;2;0;200;10mgreen\x1b[38:2::0:0:240mblue\x1b[38;5;244mgrey'),
    [
      ['red', 9, false],
      ['green', 2, false],
      ['blue', 4, false],
      ['grey', 8, false],
    ],
  );
  assert.deepEqual(
    readOutput('\x1b[44;3;4mx\x1b[49;23;24my')
      .flat()
      .map(({ style }) => [style.back, style.italic, style.underline]),
    [
      [4, true, true],
      [undefined, false, false],
    ],
  );
});

test('everything else does nothing', () => {
  assert.equal(
    text(
      '\x1b]0;a title\x07a\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\b\x1b(B\x1b=\x1b[?25l\x1b[?1049hc\x07',
    ),
    'alinkbc',
  );
  assert.equal(text('\x1bPq#0;2;0~\x1b\\after'), 'after');
  assert.equal(text('cut in the middle \x1b['), 'cut in the middle ');
  assert.equal(text('\x1b]no end'), '');
  assert.equal(text('\x1b[9999999Cx').length, 2001);
});

test('any bytes become lines', () => {
  const seed = Date.now() % 1_000_000;
  const random = seeded(seed);
  const parts = [
    '\x1b[',
    '\x1b]',
    ';',
    ':',
    '1',
    '38',
    '5',
    'm',
    'K',
    'J',
    'A',
    'C',
    'G',
    '\r',
    '\n',
    '\b',
    'x',
    '世',
    '\x07',
    '\x1b\\',
    '\x9b',
  ];
  for (let round = 0; round < 500; round++) {
    const output = Array.from(
      { length: Math.floor(random() * 60) },
      () => parts[Math.floor(random() * parts.length)],
    ).join('');
    assert.ok(
      !/[\x1b\r\n\b]/.test(
        readOutput(output)
          .flat()
          .map((span) => span.text)
          .join(''),
      ),
      `seed ${seed}: ${JSON.stringify(output)}`,
    );
  }
});
