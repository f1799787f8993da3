// Rules of the house that a reader of one file can't see: which folder may know
// which, and that every file says what it is for. Prints what has grown long.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
// What git tracks or would: no build folders, no node_modules.
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

const isCpp = (file: string) => /\.(h|cc)$/.test(file);
const isCode = (file: string) =>
  /\.(h|cc|ts|tsx|proto|sh|py|cmake)$/.test(file) || file.endsWith('CMakeLists.txt');
const LONG_LINES = 500;

/** What `file` includes of ours, as paths from the root. */
function includes(file: string): string[] {
  return [...read(file).matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)]
    .map(([, path]) => path ?? '')
    .filter((path) => !path.startsWith('boost/'));
}

/** What a folder's files may include; generated headers are zane/v1. */
function mayInclude(file: string): RegExp | undefined {
  if (file.startsWith('lib/')) return /^(lib|zane\/v1)\//;
  const service = /^services\/([^/]+)\//.exec(file)?.[1];
  if (service) return new RegExp(`^(lib|zane/v1|services/${service})/`);
  if (file.startsWith('console/'))
    return file.endsWith('_test.cc')
      ? /^(console|zane\/v1|lib\/(text|testing))\//
      : /^(console|zane\/v1|lib\/text)\//;
  return undefined;
}
const OURS = /^(lib|services|console|orbit|web|zane|tests|bench|proto)\//;

test('there is something to look at', () => {
  for (const folder of [
    'lib/',
    'services/supervisor/',
    'services/policy/',
    'services/relay/',
    'services/webhook/',
    'console/',
  ])
    assert.ok(
      files.some((file) => file.startsWith(folder) && isCpp(file)),
      folder,
    );
});

test('proto ← lib ← services, no service knows another, console knows proto and the cleaning of text alone', () => {
  const wrong = files.filter(isCpp).flatMap((file) => {
    const allowed = mayInclude(file);
    return allowed
      ? includes(file)
          .filter((path) => OURS.test(path) && !allowed.test(path))
          .map((path) => `${file} includes ${path}`)
      : [];
  });
  assert.deepEqual(wrong, []);
});

test('no include climbs out of its folder', () => {
  assert.deepEqual(
    files.filter(isCpp).flatMap((file) =>
      includes(file)
        .filter((path) => path.includes('..'))
        .map((path) => `${file}: ${path}`),
    ),
    [],
  );
});

test('what tests alone may use stays out of what ships', () => {
  const wrong = files
    .filter(
      (file) =>
        isCpp(file) &&
        !file.endsWith('_test.cc') &&
        !file.startsWith('lib/testing/') &&
        !file.startsWith('tests/') &&
        !file.startsWith('bench/'),
    )
    .flatMap((file) =>
      includes(file)
        .filter((path) => /^lib\/testing\/|^g(test|mock)\//.test(path))
        .map((path) => `${file}: ${path}`),
    );
  assert.deepEqual(wrong, []);
});

test('orbit and web know proto and themselves alone', () => {
  const wrong = files
    .filter((file) => /^(orbit|web)\/src\/.*\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
    .flatMap((file) => {
      const own = file.split('/')[0] ?? '';
      return [...read(file).matchAll(/from '(\.[^']+)'/g)]
        .map(([, path]) => join(file, '..', path ?? ''))
        .filter((path) => !path.startsWith(`${own}/`) && !path.startsWith('proto/ts/'))
        .map((path) => `${file} imports ${path}`);
    });
  assert.deepEqual(wrong, []);
});

test('every header and TypeScript file opens by saying what it is for', () => {
  const silent = files
    .filter((file) => /\.(h|ts|tsx|proto)$/.test(file) && !file.endsWith('.d.ts'))
    .filter((file) => !/^(#!.*\n)?\s*\/[/*]/.test(read(file)));
  assert.deepEqual(silent, []);
});

test('every header is read once', () => {
  assert.deepEqual(
    files.filter((file) => file.endsWith('.h') && !/^#pragma once$/m.test(read(file))),
    [],
  );
});

test('nothing is left for later', () => {
  // In two halves, so that this file does not find itself.
  const later = new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|XX${'X'}|HA${'CK'})\\b`);
  assert.deepEqual(
    files.filter(isCode).filter((file) => later.test(read(file))),
    [],
  );
});

test('C++ tests neither sleep nor skip', () => {
  const lazy = /\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|std::this_thread|GTEST_SKIP/;
  assert.deepEqual(
    files.filter((file) => file.endsWith('_test.cc')).filter((file) => lazy.test(read(file))),
    [],
  );
});

// script/check-mac reads this machine's headers, which are older than Homebrew's: what
// newer ones have taken away stands behind a question for the version.
test("nothing is used unasked that Homebrew's protobuf no longer has", () => {
  const gone = /\balways_print_primitive_fields\b|util::Status\b|\bStringPiece\b|\bByteSize\(\)/;
  const wrong = files.filter(
    (file) => isCpp(file) && gone.test(read(file).replace(/#if GOOGLE_PROTOBUF_VERSION[^]*?#endif/g, '')),
  );
  assert.deepEqual(wrong, []);
});

// Long files are looked at, not forbidden.
test('what has grown long', (t) => {
  for (const file of files.filter(isCode)) {
    const lines = read(file).split('\n').length - 1;
    if (lines > LONG_LINES) t.diagnostic(`${file} has ${lines} lines`);
  }
});
