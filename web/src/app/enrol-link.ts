// Takes an enrolment link out of the address bar the moment it is there: at the
// page's start, and when a scanned link lands in a page that is already open.
// The secret lives in this signal only, never in history or storage; read by who uses it (screens/enrol.tsx).
import { createSignal } from 'solid-js';

const [enrolLink, setEnrolLink] = createSignal('');
export { enrolLink };

function take(): void {
  if (!location.hash.startsWith('#enroll=')) return;
  const link = location.hash;
  history.replaceState(undefined, '', location.pathname);
  setEnrolLink(link);
}

/** Before anything else listens to the address. */
export function watchEnrolLink(): void {
  addEventListener('hashchange', take);
  take();
}

export function enrolDone(): void {
  setEnrolLink('');
}
