// Sign-in with a passkey, for a browser that Orbit does not know at the moment.
// Not for a new device: that begins with `zane pair` (enrol.tsx).
import { createSignal, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { messageOf } from '../app/message.ts';
import { passkeysWork, signIn } from '../link/passkey.ts';

export default function SignIn(props: { client: Client }) {
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal('');
  const start = async (): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      await signIn();
      props.client.goOnline();
    } catch (failure) {
      setError(
        failure instanceof DOMException
          ? 'No passkey was used. Try again, or pair this device from your Mac.'
          : messageOf(failure),
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="center">
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>Zane</h1>
      <p class="muted">Your Codex sessions, from the phone in your pocket.</p>
      <button type="button" class="primary" disabled={busy() || !passkeysWork()} onClick={start}>
        {busy() ? 'Waiting for your passkey…' : 'Sign in with a passkey'}
      </button>
      <Show when={!passkeysWork()}>
        <p class="notice bad">
          This browser has no passkeys. Update it, or open Zane in Safari 18, Chrome 129 or Firefox 133 and
          newer.
        </p>
      </Show>
      <Show when={error()}>
        <p class="notice bad" role="alert">
          {error()}
        </p>
      </Show>
      <p class="muted small">
        First time here? On your Mac run <code>zane pair</code> and scan the code it shows.
      </p>
    </main>
  );
}
