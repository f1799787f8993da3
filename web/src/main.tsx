// The page's start: takes an enrolment link out of the address bar before
// anything else runs, then opens the store and draws the app.
import { createRoot } from 'solid-js';
import { render } from 'solid-js/web';
import { App } from './app.tsx';
import { createClient } from './app/client.ts';
import { watchEnrolLink } from './app/enrol-link.ts';
import { followRoute } from './app/route.ts';
import { deviceKey } from './link/keys.ts';
import { memoryStore, openStore } from './link/store.ts';
import './style.css';

watchEnrolLink();
followRoute();

async function begin(root: HTMLElement): Promise<void> {
  const kept = await openStore().catch(() => undefined);
  const store = kept ?? memoryStore();
  const device = await deviceKey(store);
  const client = createRoot(() => createClient({ store, device }));
  if (!kept)
    client.setTrouble(
      'this browser keeps nothing (private window?): this device is forgotten when the page closes',
    );
  // The persistent flag asks the browser not to evict the device key.
  void navigator.storage?.persist?.();
  render(() => <App client={client} />, root);
  await client.start();
}

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');
if (!globalThis.crypto?.subtle)
  root.textContent = 'Zane needs a secure address (https, or localhost): open it that way.';
else void begin(root);

if ('serviceWorker' in navigator)
  addEventListener('load', () => void navigator.serviceWorker.register('/sw.js').catch(() => undefined));
