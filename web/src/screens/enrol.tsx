// The new device's two steps: a passkey with Orbit, then pairing with the Mac.
// A browser that is signed in already skips the first. Not for what is checked
// in the answer (link/pairing.ts).
import { createSignal, Match, onMount, Show, Switch } from 'solid-js';
import type { Client } from '../app/client.ts';
import { pairWith } from '../app/enrol.ts';
import { messageOf } from '../app/message.ts';
import { logout, session } from '../link/auth.ts';
import { enrol, passkeysWork, signIn } from '../link/passkey.ts';
import { readEnrolLink, tokenUser } from '../link/pairing.ts';
import type { EnrolLink } from '../link/pairing.ts';

type Step = 'looking' | 'passkey' | 'other-user' | 'pairing' | 'done' | 'failed';

/** `fragment`: the address's part after `#`, as it was scanned. */
export default function Enrol(props: { client: Client; fragment: string; done: () => void }) {
  const link = readEnrolLink(props.fragment);
  return (
    <Show
      when={link}
      fallback={
        <main class="center">
          <h1>Pair with your Mac</h1>
          <p class="notice bad" role="alert">
            A part of this link is missing. Scan the code again, or copy all of the link.
          </p>
          <button type="button" class="plain" onClick={() => props.done()}>
            Leave
          </button>
        </main>
      }
    >
      {(whole) => <Pairing client={props.client} link={whole()} done={props.done} />}
    </Show>
  );
}

function Pairing(props: { client: Client; link: EnrolLink; done: () => void }) {
  const [step, setStep] = createSignal<Step>('looking');
  const [busy, setBusy] = createSignal(false);
  const [error, setError] = createSignal('');
  const [told, setTold] = createSignal('');

  const guarded = (run: () => Promise<void>) => async (): Promise<void> => {
    setBusy(true);
    setError('');
    try {
      await run();
    } catch (failure) {
      setError(
        failure instanceof DOMException ? 'The passkey was not finished. Try again.' : messageOf(failure),
      );
    } finally {
      setBusy(false);
    }
  };

  const look = guarded(async () => {
    const known = await session();
    if (!known) return void setStep('passkey');
    const user = tokenUser(props.link.token);
    if (user && user !== known.user) return void setStep('other-user');
    await pair();
  });

  const pair = async (): Promise<void> => {
    setStep('pairing');
    props.client.goOnline();
    try {
      const answer = await pairWith(props.client, props.link);
      if (answer.kind === 'paired') {
        setTold(`${answer.mac.name} knows this device as ${answer.mac.role}.`);
        return void setStep('done');
      }
      setError(answer.message);
    } catch (failure) {
      setError(messageOf(failure));
    }
    setStep('failed');
  };

  const create = guarded(async () => {
    await enrol(props.link.token);
    await pair();
  });
  const use = guarded(async () => {
    await signIn();
    await look();
  });
  const leave = guarded(async () => {
    await logout();
    setStep('passkey');
  });
  onMount(() => void look());

  return (
    <main class="center">
      <img src="/icon.svg" alt="" width="72" height="72" />
      <h1>Pair with your Mac</h1>
      <Switch>
        <Match when={step() === 'looking'}>
          <p class="muted" role="status">
            Asking Orbit…
          </p>
          <Show when={error()}>
            <button type="button" class="primary" onClick={look}>
              Try again
            </button>
          </Show>
        </Match>
        <Match when={step() === 'passkey'}>
          <p class="muted">
            A passkey signs you in to Orbit, the postman between this phone and your Mac. Your Mac itself will
            check this device.
          </p>
          <button type="button" class="primary" disabled={busy() || !passkeysWork()} onClick={create}>
            {busy() ? 'Waiting for your passkey…' : 'Create a passkey'}
          </button>
          <button type="button" disabled={busy()} onClick={use}>
            I already have a passkey
          </button>
        </Match>
        <Match when={step() === 'other-user'}>
          <p class="notice">
            This browser is signed in as another user than the code is for. Sign out here to go on; the Mac
            you paired before stays paired.
          </p>
          <button type="button" class="primary" disabled={busy()} onClick={leave}>
            Sign out and go on
          </button>
          <button type="button" onClick={() => props.done()}>
            Keep the present sign-in
          </button>
        </Match>
        <Match when={step() === 'pairing'}>
          <p class="muted" role="status">
            Asking your Mac…
          </p>
        </Match>
        <Match when={step() === 'done'}>
          <p class="notice good" role="status">
            Paired and verified. {told()}
          </p>
          <button type="button" class="primary" onClick={() => props.done()}>
            Continue
          </button>
        </Match>
        <Match when={step() === 'failed'}>
          <button type="button" class="primary" disabled={busy()} onClick={guarded(pair)}>
            Try again
          </button>
          <button type="button" onClick={() => props.done()}>
            Leave
          </button>
        </Match>
      </Switch>
      <Show when={error()}>
        <p class="notice bad" role="alert">
          {error()}
        </p>
      </Show>
    </main>
  );
}
