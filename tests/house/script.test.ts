// The pure parts of script/run: what a person's own tools say, read for what it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { served } from '../../script/lib/reach.ts';

const web = (host: string, port = 8787) => ({
  [host]: { Handlers: { '/': { Proxy: `http://127.0.0.1:${port}` } } },
});

test("Tailscale's address is found in the background, in the foreground, and on another port", () => {
  assert.deepEqual(served({ Web: web('mac.t.ts.net:443') }, 8787), { host: 'mac.t.ts.net' });
  assert.deepEqual(served({ Foreground: { s1: { Web: web('mac.t.ts.net:443') } } }, 8787), {
    host: 'mac.t.ts.net',
  });
  assert.deepEqual(served({ Web: web('mac.t.ts.net:8443') }, 8787), { host: 'mac.t.ts.net:8443' });
  assert.equal(served({ Web: web('mac.t.ts.net:443', 3000) }, 8787), undefined);
  for (const odd of [null, {}, { Web: { x: {} } }, { Foreground: { s: {} } }])
    assert.equal(served(odd, 8787), undefined);
});
