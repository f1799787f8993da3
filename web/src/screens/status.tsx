// The three freshness facts with their ages, versions, devices, and sign-out.
// Not for changing roles or revoking: that is the Mac's, at its own console.
import { createSignal, For, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { to } from '../app/route.ts';
import { messageOf } from '../app/message.ts';
import { logout } from '../link/auth.ts';
import { ago } from '../model/freshness.ts';
import { Icon } from '../parts/icon.tsx';
import { RELEASE } from '../release.ts';

export default function Status(props: { client: Client }) {
  const { client } = props;
  const [error, setError] = createSignal('');
  const [keeps, setKeeps] = createSignal(client.seen.isOn);
  const info = client.info;
  const leave = async (): Promise<void> => {
    try {
      await logout();
      client.socket.stop();
      client.signedOut();
    } catch (failure) {
      setError(messageOf(failure));
    }
  };
  return (
    <>
      <header class="bar">
        <a class="round" href={to.threads} aria-label="Back to threads">
          <Icon name="back" />
        </a>
        <h1>Status</h1>
      </header>
      <main class="form">
        <section aria-label="Freshness">
          <h2>What is known</h2>
          <ul class="facts">
            <For each={client.hops()}>
              {(hop) => (
                <li data-hop={hop.name} data-hop-state={hop.state}>
                  <i class={hop.state} aria-hidden="true" />
                  <span class="grow">
                    <strong>{hop.name}</strong> <span>{hop.words}</span>
                  </span>
                  <span class="muted small">proof {ago(hop.atMs, client.now())}</span>
                </li>
              )}
            </For>
          </ul>
          <Show when={client.link().phase !== 'open'}>
            <p class="notice">
              {client.link().message ?? 'Connecting…'}{' '}
              <button type="button" class="link" onClick={() => client.socket.nudge()}>
                Try now
              </button>
            </p>
          </Show>
        </section>
        <Show when={client.macs().length > 1}>
          <section aria-label="Macs">
            <h2>Macs</h2>
            <div class="chips" role="group" aria-label="Choose a Mac">
              <For each={client.macs()}>
                {(mac) => (
                  <button
                    type="button"
                    aria-pressed={mac.mac === client.mac()?.mac}
                    onClick={() => client.chooseMac(mac.mac)}
                  >
                    {mac.name}
                  </button>
                )}
              </For>
            </div>
          </section>
        </Show>
        <section aria-label="This device">
          <h2>This device</h2>
          <dl>
            <dt>Mac</dt>
            <dd>{client.mac()?.name ?? 'none paired'}</dd>
            <dt>Role</dt>
            <dd>{info()?.role || client.mac()?.role || 'not known'}</dd>
            <dt>Device</dt>
            <dd>
              <code>{client.device.id}</code>
            </dd>
            <dt>Mac's key</dt>
            <dd>
              <code>{client.mac()?.mac ?? '–'}</code>
            </dd>
          </dl>
        </section>
        <section aria-label="Devices">
          <h2>Devices of this Mac</h2>
          <ul class="facts">
            <For
              each={info()?.devices ?? []}
              fallback={<li class="muted">Not known until your Mac answers.</li>}
            >
              {(device) => (
                <li>
                  <span class="grow">
                    <strong>{device.name}</strong>
                    <Show when={device.device === client.device.id}>
                      {' '}
                      <span class="pill">this one</span>
                    </Show>{' '}
                    <span class="muted small">{device.role}</span>
                  </span>
                  <span class="muted small">
                    {device.pairedAt ? new Date(device.pairedAt).toLocaleDateString() : ''}
                  </span>
                </li>
              )}
            </For>
          </ul>
          <p class="muted small">
            To pair another, run <code>zane pair</code> on your Mac.
          </p>
        </section>
        <section aria-label="On this phone">
          <h2>On this phone</h2>
          <label class="option">
            <input
              type="checkbox"
              checked={keeps()}
              disabled={!client.may('owner') && !keeps()}
              onChange={(event) => {
                setKeeps(event.currentTarget.checked);
                void client.seen.switch(event.currentTarget.checked);
              }}
            />
            <span>
              Keep the inbox and the last threads
              <span class="muted small">
                {' '}
                to show them at once and without a network. Gone when you sign out.
              </span>
            </span>
          </label>
        </section>
        <section aria-label="Versions">
          <h2>Versions</h2>
          <dl>
            <dt>This app</dt>
            <dd>{RELEASE}</dd>
            <dt>Orbit</dt>
            <dd>{client.orbitRelease() || 'not known'}</dd>
            <dt>Mac</dt>
            <dd>{info()?.release || 'not known'}</dd>
            <dt>Codex</dt>
            <dd>
              {info()?.codex.version || 'not known'}{' '}
              <Show when={info()?.codex.message}>
                <span class="muted small">{info()?.codex.message}</span>
              </Show>
            </dd>
          </dl>
        </section>
        <Show when={error()}>
          <p class="notice bad" role="alert">
            {error()}
          </p>
        </Show>
        <button type="button" class="plain wide" onClick={leave}>
          Sign out
        </button>
      </main>
    </>
  );
}
