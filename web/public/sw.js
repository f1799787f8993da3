// Keeps the shell, so that the app opens without a network and says what it does
// not know. Never touches /api, /ws or /hooks, and keeps no transcript.
const CACHE = 'zane-shell-1';
const FILES_MAX = 60;
const mine = (url) => url.origin === location.origin && !/^\/(api|ws|hooks|link)(\/|$)/.test(url.pathname);

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.add('/'))
      .then(() => self.skipWaiting()),
  );
});
self.addEventListener('activate', (event) => {
  const drop = caches
    .keys()
    .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))));
  event.waitUntil(drop.then(() => self.clients.claim()));
});
self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || !mine(url)) return;
  // Hashed files never change: the kept one is right. All else: network first, so that an update is seen at once.
  event.respondWith(url.pathname.startsWith('/assets/') ? kept(event.request) : fresh(event.request));
});

async function kept(request) {
  const cache = await caches.open(CACHE);
  const hit = await cache.match(request);
  if (hit) return hit;
  const answer = await fetch(request);
  if (answer.ok) await keep(cache, request, answer.clone());
  return answer;
}

async function fresh(request) {
  const cache = await caches.open(CACHE);
  const key = request.mode === 'navigate' ? '/' : request;
  try {
    const answer = await fetch(request);
    if (answer.ok) await keep(cache, key, answer.clone());
    return answer;
  } catch (failure) {
    const hit = await cache.match(key);
    if (hit) return hit;
    throw failure;
  }
}

async function keep(cache, key, answer) {
  await cache.put(key, answer);
  const all = await cache.keys();
  // Old releases' files are the first that were put there; "/" comes back by itself.
  for (const old of all.slice(0, Math.max(0, all.length - FILES_MAX))) await cache.delete(old);
}
