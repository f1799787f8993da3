// New releases of the app itself: found behind, offered, and taken when a person says so. The worker that keeps
// them is web/sw.js.
import { createSignal } from 'solid-js';

const LOOK_EVERY_MS = 60 * 60_000;
const TAKE_OVER_WITHIN_MS = 10_000;

const [updateReady, setUpdateReady] = createSignal(false);
export { updateReady };

/** A first worker is no update: this page came with it. */
function watch(registration: ServiceWorkerRegistration): void {
  const look = (): void => {
    if (registration.waiting && navigator.serviceWorker.controller) setUpdateReady(true);
  };
  registration.addEventListener('updatefound', () =>
    registration.installing?.addEventListener('statechange', look),
  );
  look();
}

export function keepUpToDate(): void {
  if (!('serviceWorker' in navigator)) return;
  let lookedAtMs = Date.now();
  addEventListener('load', () => {
    navigator.serviceWorker.register('/sw.js').then(watch, () => undefined);
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || Date.now() - lookedAtMs < LOOK_EVERY_MS) return;
    lookedAtMs = Date.now();
    void navigator.serviceWorker.getRegistration().then((registration) => registration?.update());
  });
}

function activated(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (worker.state === 'installed') worker.postMessage('take over');
      if (worker.state === 'activated' || worker.state === 'redundant') resolve();
    };
    worker.addEventListener('statechange', look);
    setTimeout(resolve, TAKE_OVER_WITHIN_MS);
    look();
  });
}

/**
 * Loads the app anew, in its newest release. Where there is none that is newer than what is kept, what is kept may
 * be what is wrong: then it is forgotten, and all comes from Orbit.
 */
export async function reloadApp(): Promise<void> {
  try {
    const registration = await navigator.serviceWorker?.getRegistration();
    await registration?.update().catch(() => undefined);
    const next = registration?.waiting ?? registration?.installing;
    if (next) await activated(next);
    else if (navigator.onLine) await registration?.unregister();
  } finally {
    location.reload();
  }
}
