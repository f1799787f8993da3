// What the client needs of the page it lives in: its WebSocket's address and the
// moments when a sleeping phone comes back. Not for tests: they bring their own.
import type { WireSocket } from '../link/socket.ts';

export function connectWire(): WireSocket {
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return new WebSocket(url) as WireSocket;
}

/** The browser says so at once; whether it is so shows the next answer. */
export function onOffline(run: () => void): void {
  addEventListener('offline', run);
}

export function isLookedAt(): boolean {
  return document.visibilityState === 'visible';
}

/** The last moment that is sure to come before a phone ends the page. */
export function onHidden(run: () => void): void {
  document.addEventListener('visibilitychange', () => {
    if (!isLookedAt()) run();
  });
  addEventListener('pagehide', run);
}

export function onWake(run: () => void): void {
  const wake = (): void => {
    if (isLookedAt()) run();
  };
  for (const event of ['online', 'pageshow', 'focus']) addEventListener(event, wake);
  document.addEventListener('visibilitychange', wake);
}
