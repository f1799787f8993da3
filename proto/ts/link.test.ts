// The frame decoder against the golden samples that the C++ tests read too, and
// against the bounds that are too large to keep as files.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  FRAME_BYTES_MAX,
  FrameError,
  HEADER_BYTES_MAX,
  decodeFrame,
  encodeFrame,
  encodeTextFrame,
  kindOf,
  splitHeader,
} from './link.ts';
import type { Header } from './link.ts';

interface Golden {
  frames: {
    file: string;
    kind: string | null;
    binary: boolean;
    header: Header;
    bodies: { length: number; sha256: string }[];
  }[];
  refused: { file: string; why: string }[];
}

const dir = join(import.meta.dirname, '../testdata/link');
const golden = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as Golden;
const read = (file: string) => new Uint8Array(readFileSync(join(dir, file)));
const bytes = (text: string) => new TextEncoder().encode(text);

test('every sample is in the index', () => {
  const named = [...golden.frames, ...golden.refused].map(({ file }) => file).sort();
  assert.deepEqual(
    readdirSync(dir)
      .filter((file) => file.endsWith('.frame'))
      .sort(),
    named,
  );
});

for (const { file, kind, binary, header, bodies } of golden.frames) {
  test(`golden ${file} is taken`, () => {
    const raw = read(file);
    const frame = decodeFrame(raw);
    assert.deepEqual(frame.header, header);
    assert.equal(kindOf(frame.header) ?? null, kind);
    assert.deepEqual(
      frame.bodies.map((body) => ({
        length: body.length,
        sha256: createHash('sha256').update(body).digest('hex'),
      })),
      bodies,
    );
    assert.deepEqual(decodeFrame(encodeFrame(header, frame.bodies)), frame, 'written and read again');
    const { rest } = splitHeader(raw);
    assert.equal(
      rest.length,
      bodies.reduce((sum, body) => sum + body.length, 0),
    );
    if (binary) return;
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    assert.deepEqual(decodeFrame(text), frame, 'the same as text');
    assert.deepEqual(decodeFrame(encodeTextFrame(header, frame.bodies)), frame);
  });
}

for (const { file, why } of golden.refused) {
  test(`golden ${file} is refused: ${why}`, () => {
    assert.throws(() => decodeFrame(read(file)), FrameError);
  });
}

test('a frame and its header line are bounded, to the byte', () => {
  const frameOf = (size: number) => {
    const empty = encodeFrame({ signal: {} }, [new Uint8Array(1_000_000)]).length - 1_000_000;
    return encodeFrame({ signal: {} }, [new Uint8Array(size - empty)]);
  };
  assert.equal(frameOf(FRAME_BYTES_MAX).length, FRAME_BYTES_MAX);
  decodeFrame(frameOf(FRAME_BYTES_MAX));
  assert.throws(() => decodeFrame(frameOf(FRAME_BYTES_MAX + 1)), FrameError);
  const headerOf = (size: number) => `{"x":"${'x'.repeat(size - 8)}"}\n`;
  decodeFrame(headerOf(HEADER_BYTES_MAX));
  assert.throws(() => decodeFrame(headerOf(HEADER_BYTES_MAX + 1)), FrameError);
  assert.throws(() => splitHeader(bytes(headerOf(HEADER_BYTES_MAX + 1))), FrameError);
  assert.throws(() => splitHeader(headerOf(HEADER_BYTES_MAX + 1)), FrameError);
});

test('whatever the bytes, the decoder answers with a frame or a FrameError', () => {
  // A small generator with a fixed seed, so that a failure can be run again.
  let state = 12345;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const samples = golden.frames.map(({ file }) => read(file));
  for (let round = 0; round < 5000; round++) {
    const sample = Uint8Array.from(samples[next(samples.length)] ?? []);
    for (let i = next(4); i >= 0 && sample.length > 0; i--) sample[next(sample.length)] = next(256);
    try {
      decodeFrame(sample.subarray(0, sample.length - next(2) * next(sample.length + 1)));
    } catch (error) {
      assert.ok(error instanceof FrameError, String(error));
    }
  }
});

test('`__proto__` in a header is a field like any other', () => {
  const { header } = splitHeader('{"__proto__":{"from":"x"},"ack":{"stream":"s"}}\n');
  assert.equal(header.from, undefined);
  assert.equal(kindOf(header), 'ack');
});
