// The page's start: takes an enrolment link out of the address bar before
// anything else runs, then opens the store and draws the app.
import { createRoot } from 'solid-js';
import { render } from 'solid-js/web';
import { App } from './app.tsx';
import { createClient } from './app/client.ts';
import { watchEnrolLink } from './app/enrol-link.ts';
import { messageOf } from './app/message.ts';
import { followRoute } from './app/route.ts';
import { keepUpToDate, reloadApp } from './app/updates.ts';
import { deviceKey } from './link/keys.ts';
import { memoryStore, openStore, StoreError } from './link/store.ts';
import type { Store } from './link/store.ts';
import { Failure } from './screens/failure.tsx';
import type { Way } from './screens/failure.tsx';
import './style.css';

watchEnrolLink();
followRoute();
keepUpToDate();

function fail(root: HTMLElement, title: string, failure: unknown, ways: readonly Way[] = []): () => void {
  const reload = { words: 'Reload', take: reloadApp };
  return render(() => <Failure title={title} text={messageOf(failure)} ways={[...ways, reload]} />, root);
}

/** Without it this is another device for the Mac: never so unless a person says so. */
function store(root: HTMLElement): Promise<Store> {
  return openStore().catch(
    (failure: unknown) =>
      new Promise<Store>((resolve) => {
        const goOn = {
          words: 'Go on, keep nothing',
          take: () => {
            drop();
            resolve(memoryStore());
          },
        };
        const again = {
          words: 'Try again',
          take: () => {
            drop();
            resolve(store(root));
          },
        };
        const newer = failure instanceof StoreError && failure.why === 'newer';
        const drop = fail(root, 'Storage cannot be opened', failure, newer ? [] : [again, goOn]);
      }),
  );
}

async function begin(root: HTMLElement): Promise<void> {
  const kept = await store(root);
  const { device, lost } = await deviceKey(kept, localStorage);
  const client = createRoot(() => createClient({ store: kept, device }));
  if (!kept.outlives)
    client.setTrouble(
      'Nothing is kept on this phone: this page is a new device for your Mac, and is forgotten when it closes.',
    );
  else if (lost)
    client.setTrouble(
      'This browser has thrown away the key that this phone had. It is a new device now: pair it again with `zane pair`.',
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
else
  begin(root).catch((failure: unknown) => {
    root.textContent = '';
    fail(root, 'Zane could not start', failure);
  });
