// The slim line that is always on screen: the three hops, never greener than the
// proof. A tap opens the status screen.
import { For, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { to } from '../app/route.ts';
import { proven, statusLine } from '../model/freshness.ts';

export function StatusLine(props: { client: Client }) {
  const words = (): string => {
    const { client } = props;
    const attach = client.attach();
    const line = statusLine(client.hops());
    if (client.link().phase === 'waiting') return `${line}. ${client.link().message ?? ''}`;
    if (attach.state === 'refused') return `Your Mac did not accept this app: ${attach.message}`;
    if (attach.state === 'asking') return 'Asking your Mac…';
    return line;
  };
  const live = (): boolean => proven(props.client.hops()) && props.client.attach().state === 'yes';
  return (
    <nav class="statusline" classList={{ live: live() }} aria-label="Connection">
      <a href={to.status} aria-label={`Connection: ${words()}. Open status`}>
        <span class="dots" aria-hidden="true">
          <For each={props.client.hops()}>{(hop) => <i class={hop.state} />}</For>
        </span>
        <span class="words">{words()}</span>
      </a>
      <span class="sr" role="status" aria-live="polite">
        {live() ? 'Live' : words()}
      </span>
      <Show when={props.client.link().phase === 'waiting'}>
        <button type="button" class="link" onClick={() => props.client.socket.nudge()}>
          Try now
        </button>
      </Show>
    </nav>
  );
}
