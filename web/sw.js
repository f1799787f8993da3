// Keeps each release whole on this phone, so that the app opens at once and without a network, and every page
// finds the files it was made with for as long as it lives. A new release is fetched behind, and waits until a
// person asks for it or no page of the old one is left. Never touches /api, /ws or /hooks; keeps no transcript.
// vite.config.ts fills in what is in capitals.
const RELEASE = '__RELEASE__';
const FILES = ['__FILES__'];
const PREFIX = 'zane-app-';
const CACHE = PREFIX + RELEASE;
/** Pages that were open when another release took over go on with the one before. */
const RELEASES_KEPT = 2;
const isMine = (url) => url.origin === location.origin && !/^\/(api|ws|hooks|link)(\/|$)/.test(url.pathname);

self.addEventListener('install', (event) => event.waitUntil(take()));
self.addEventListener('activate', (event) => event.waitUntil(dropOld().then(() => self.clients.claim())));
self.addEventListener('message', (event) => {
  if (event.data === 'take over') void self.skipWaiting();
});
self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method === 'GET' && isMine(new URL(request.url))) event.respondWith(answer(request));
});

/** All of this release or nothing of it: one that is taken away meanwhile is tried again with the next look. */
async function take() {
  const cache = await caches.open(CACHE);
  try {
    await cache.addAll(
      FILES.map((file) => new Request(file, { cache: file.startsWith('/assets/') ? 'default' : 'no-cache' })),
    );
    const page = await (await cache.match('/'))?.text();
    const scripts = FILES.filter((file) => page?.includes(`"${file}"`));
    if (scripts.length === 0) throw new Error('the page is of another release');
  } catch (failure) {
    await caches.delete(CACHE);
    throw failure;
  }
}

async function dropOld() {
  const names = (await caches.keys()).filter((name) => name.startsWith('zane-') && name !== CACHE);
  const old = names.slice(0, Math.max(0, names.length - (RELEASES_KEPT - 1)));
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept =
    request.mode === 'navigate'
      ? await cache.match('/')
      : ((await cache.match(request)) ?? (await before(request)));
  return kept ?? fetch(request);
}

/** A file of an older page: its release may be the one before. */
async function before(request) {
  return new URL(request.url).pathname.startsWith('/assets/') ? caches.match(request) : undefined;
}
