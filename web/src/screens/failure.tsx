// The whole page's last words: what went wrong and what a person can press. Not for trouble that the app goes on
// with (client.trouble).
import { createSignal, For, Show } from 'solid-js';

export interface Way {
  words: string;
  take: () => unknown;
}

export function Failure(props: { title: string; text: string; ways: readonly Way[]; detail?: string }) {
  const [taken, setTaken] = createSignal(false);
  return (
    <main class="center">
      <h1>{props.title}</h1>
      <p class="notice bad" role="alert">
        {props.text}
      </p>
      <Show when={props.detail}>
        <p class="muted small">{props.detail}</p>
      </Show>
      <For each={props.ways}>
        {(way, at) => (
          <button
            type="button"
            class={at() === 0 ? 'primary' : 'plain'}
            disabled={taken()}
            onClick={() => {
              setTaken(true);
              void way.take();
            }}
          >
            {way.words}
          </button>
        )}
      </For>
    </main>
  );
}
