// Which screen is shown: signed out, enrolling, update needed, or the route. Not
// for what the screens do.
import { createEffect, ErrorBoundary, lazy, Match, onMount, Show, Suspense, Switch } from 'solid-js';
import type { Client } from './app/client.ts';
import { enrolDone, enrolLink } from './app/enrol-link.ts';
import { createInbox } from './app/inbox.ts';
import type { InboxStore } from './app/inbox.ts';
import { route } from './app/route.ts';
import type { Route } from './app/route.ts';
import { messageOf } from './app/message.ts';
import { reloadApp, updateReady } from './app/updates.ts';
import { keepInView } from './app/viewport.ts';
import { StatusLine } from './parts/status-line.tsx';
import { UndoBar } from './parts/undo-bar.tsx';
import { Failure } from './screens/failure.tsx';
import { Threads } from './screens/threads.tsx';

const SignIn = lazy(() => import('./screens/sign-in.tsx'));
const Enrol = lazy(() => import('./screens/enrol.tsx'));
const NewTask = lazy(() => import('./screens/new-task.tsx'));
const Search = lazy(() => import('./screens/search.tsx'));
const Status = lazy(() => import('./screens/status.tsx'));
const Thread = lazy(() => import('./screens/thread.tsx'));
const TerminalScreen = lazy(() => import('./screens/terminal.tsx'));

export function App(props: { client: Client }) {
  const { client } = props;
  const inbox = createInbox(client);
  keepInView();
  // Who needs a person is told where the app itself is not looked at.
  createEffect(() => {
    const waiting = inbox.open().length;
    document.title = waiting ? `(${waiting}) Zane` : 'Zane';
    const told = waiting ? navigator.setAppBadge?.(waiting) : navigator.clearAppBadge?.();
    told?.catch(() => undefined);
  });
  // The list is drawn first; the next screen is there before a finger is.
  onMount(() => setTimeout(() => void Thread.preload(), 0));
  return (
    <Switch fallback={<Screens client={client} inbox={inbox} />}>
      <Match when={client.link().phase === 'update'}>
        <main class="center">
          <h1>Update needed</h1>
          <p class="notice bad" role="alert">
            {client.link().message}
          </p>
          <button type="button" class="primary" onClick={() => void reloadApp()}>
            Update
          </button>
        </main>
      </Match>
      <Match when={enrolLink()} keyed>
        {(fragment) => (
          <Suspense>
            <Enrol client={client} fragment={fragment} done={enrolDone} />
          </Suspense>
        )}
      </Match>
      <Match when={client.auth() === 'out'}>
        <Suspense>
          <SignIn client={client} />
        </Suspense>
      </Match>
    </Switch>
  );
}

function Screens(props: { client: Client; inbox: InboxStore }) {
  const { client, inbox } = props;
  const at = <K extends Route['at']>(name: K) => {
    const now = route();
    return now.at === name ? (now as Extract<Route, { at: K }>) : undefined;
  };
  return (
    <div class="app">
      <StatusLine client={client} />
      <Show when={client.trouble()}>
        <p class="notice bad slim" role="alert">
          {client.trouble()}{' '}
          <button type="button" class="link" onClick={() => client.setTrouble('')}>
            Dismiss
          </button>
        </p>
      </Show>
      <Show when={updateReady()}>
        <p class="notice slim" role="status">
          A new version of this app is here.{' '}
          <button type="button" class="link" onClick={() => void reloadApp()}>
            Update
          </button>
        </p>
      </Show>
      <UndoBar />
      <ErrorBoundary fallback={(failure) => <Broken failure={failure} />}>
        <Suspense
          fallback={
            <p class="empty muted" role="status">
              Loading…
            </p>
          }
        >
          <Switch>
            <Match when={at('status')}>
              <Status client={client} />
            </Match>
            <Match when={!client.mac()}>
              <NoMac client={client} />
            </Match>
            <Match when={at('thread')?.thread} keyed>
              {(id) => (
                <Thread
                  client={client}
                  inbox={inbox}
                  thread={id}
                  approval={at('thread')?.approval ?? ''}
                  find={at('thread')?.find ?? ''}
                />
              )}
            </Match>
            <Match when={at('search')}>
              <Search client={client} inbox={inbox} />
            </Match>
            <Match when={at('new')}>
              <NewTask client={client} inbox={inbox} />
            </Match>
            <Match when={at('terminal')}>
              {(terminal) => (
                <TerminalScreen client={client} cwd={terminal().cwd} thread={terminal().thread} />
              )}
            </Match>
            <Match when={at('threads')}>
              <Threads client={client} inbox={inbox} />
            </Match>
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </div>
  );
}

/** A part that can't be loaded is mostly one of a release that is no more; else it is a fault of ours. */
function Broken(props: { failure: unknown }) {
  return (
    <Failure
      title="This screen failed"
      text="It could not be shown. What you wrote and ordered is kept: reload to go on."
      detail={messageOf(props.failure)}
      ways={[{ words: 'Reload', take: reloadApp }]}
    />
  );
}

function NoMac(props: { client: Client }) {
  return (
    <main class="center">
      <h1>No Mac is paired</h1>
      <p class="muted">
        You are signed in to Orbit, but this device and a Mac do not know each other yet. On your Mac run{' '}
        <code>zane pair</code> and scan the code it shows with this device.
      </p>
      <Show when={props.client.presence().length}>
        <p class="muted small">Orbit knows {props.client.presence().length} of your Macs.</p>
      </Show>
      <a class="button" href="#/status">
        Status and sign-out
      </a>
    </main>
  );
}
