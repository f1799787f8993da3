// Where the person is, in the URL's fragment: it works on any static host and
// with the phone's own back gesture. Not for the enrolment link (main.tsx takes
// that fragment away before this reads anything).
import { createSignal } from 'solid-js';

export type Route =
  | { at: 'threads' }
  | { at: 'thread'; thread: string; approval: string; find: string }
  | { at: 'search' }
  | { at: 'new' }
  | { at: 'terminal'; cwd: string; thread: string }
  | { at: 'status' };

/** A link that was cut or written by hand is no reason to fail. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const fields = new URLSearchParams(query);
  const [at, id] = path.split('/');
  if (at === 'thread' && id)
    return {
      at: 'thread',
      thread: decoded(id),
      approval: fields.get('approval') ?? '',
      find: fields.get('find') ?? '',
    };
  if (at === 'search') return { at: 'search' };
  if (at === 'new') return { at: 'new' };
  if (at === 'terminal')
    return { at: 'terminal', cwd: fields.get('cwd') ?? '', thread: fields.get('thread') ?? '' };
  if (at === 'status') return { at: 'status' };
  return { at: 'threads' };
}

export const to = {
  threads: '#/',
  /** A thread where `words` are said. */
  found: (id: string, words: string): string =>
    `#/thread/${encodeURIComponent(id)}?${new URLSearchParams({ find: words })}`,
  search: '#/search',
  thread: (id: string, approval = ''): string =>
    `#/thread/${encodeURIComponent(id)}${approval ? `?approval=${encodeURIComponent(approval)}` : ''}`,
  new: '#/new',
  terminal: (cwd: string, thread = ''): string => `#/terminal?${new URLSearchParams({ cwd, thread })}`,
  status: '#/status',
};

const [route, setRoute] = createSignal<Route>(readRoute(''));
export { route };

export function followRoute(): void {
  const read = (): void => void setRoute(readRoute(location.hash));
  addEventListener('hashchange', read);
  read();
}

export function go(hash: string): void {
  location.hash = hash;
}

/** Leaves a layer: replaces the place so that "back" does not bring it up again. */
export function replace(hash: string): void {
  history.replaceState(undefined, '', hash);
  setRoute(readRoute(location.hash));
}
