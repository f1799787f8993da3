// Where a person types: steers the turn that runs, else starts one. What is sent
// is on disk first; the text leaves the box only then. Stop is always one tap.
import { createSignal, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { sendPrompt, stopTurn } from '../app/orders.ts';
import { messageOf } from '../app/message.ts';
import { isFinal } from '../link/outbox.ts';
import { Icon } from '../parts/icon.tsx';

const PROMPT_CHARS_MAX = 100_000;

export function Composer(props: { client: Client; thread: string; running: string | undefined }) {
  const key = `zane.draft.${props.thread}`;
  const [text, setText] = createSignal(sessionStorage.getItem(key) ?? '');
  const [error, setError] = createSignal('');
  let box!: HTMLTextAreaElement;

  const draft = (value: string): void => {
    setText(value);
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  };
  const send = async (event: SubmitEvent | KeyboardEvent): Promise<void> => {
    event.preventDefault();
    const prompt = text().trim();
    if (!prompt) return;
    try {
      await sendPrompt(props.client, props.thread, prompt, props.running);
      draft('');
      setError('');
      box.focus();
    } catch (failure) {
      setError(messageOf(failure));
    }
  };
  const stopping = () =>
    props.client
      .entries()
      .find(
        ({ purpose, state }) => purpose.kind === 'stop' && purpose.turn === props.running && !isFinal(state),
      );
  const stop = async (): Promise<void> => {
    try {
      if (props.running) await stopTurn(props.client, props.thread, props.running);
    } catch (failure) {
      setError(messageOf(failure));
    }
  };
  const may = (): boolean => props.client.may('operator');

  return (
    <form class="composer" onSubmit={send}>
      <Show when={error()}>
        <p class="notice bad" role="alert">
          {error()}
        </p>
      </Show>
      <Show
        when={may()}
        fallback={
          <p class="muted small">This device may not start or steer turns. Its role is set on your Mac.</p>
        }
      >
        <div class="box">
          <textarea
            ref={box}
            rows="1"
            value={text()}
            maxlength={PROMPT_CHARS_MAX}
            enterkeyhint="enter"
            autocapitalize="sentences"
            aria-label={props.running ? 'Steer the running turn' : 'Message'}
            placeholder={props.running ? 'Steer this turn' : 'Message Codex'}
            onInput={(event) => draft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) void send(event);
            }}
          />
          <Show when={props.running}>
            <button
              type="button"
              class="round stop"
              aria-label="Stop"
              title="Stop"
              disabled={stopping() !== undefined}
              onClick={stop}
            >
              <Icon name="stop" />
            </button>
          </Show>
          <button type="submit" class="round send" aria-label="Send" title="Send" disabled={!text().trim()}>
            <Icon name="send" />
          </button>
        </div>
        <Show when={stopping()}>
          <p class="muted small" role="status">
            Stopping…
          </p>
        </Show>
      </Show>
    </form>
  );
}
