// Where a person types: steers the turn that runs, else starts one. What is sent
// is on disk first; the text leaves the box only then. Stop is always one tap.
import { createSignal, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { drafts } from '../app/drafts.ts';
import { once } from '../app/once.ts';
import { sendPrompt, stopTurn, tooLong } from '../app/orders.ts';
import { messageOf } from '../app/message.ts';
import { isFinal } from '../link/outbox.ts';
import { Icon } from '../parts/icon.tsx';
import { TooLong } from '../parts/too-long.tsx';

export function Composer(props: { client: Client; thread: string; running: string | undefined }) {
  const text = (): string => drafts.get(props.thread);
  const draft = (words: string): void => drafts.set(props.thread, words);
  const [error, setError] = createSignal('');
  let box!: HTMLTextAreaElement;

  const may = (): boolean => props.client.may('operator');
  const sendable = (): boolean => text().trim() !== '' && tooLong(text()) === '';
  const send = once(async (): Promise<void> => {
    if (!sendable()) return;
    const written = text();
    try {
      await sendPrompt(props.client, props.thread, written.trim(), props.running);
      // What was typed on meanwhile is not sent, and stays.
      draft(text().startsWith(written) ? text().slice(written.length) : text());
      setError('');
      box.focus();
    } catch (failure) {
      setError(messageOf(failure));
    }
  });
  const stopping = () =>
    props.client
      .entries()
      .find(
        ({ purpose, state }) => purpose.kind === 'stop' && purpose.turn === props.running && !isFinal(state),
      );
  const stop = once(async (): Promise<void> => {
    try {
      if (props.running) await stopTurn(props.client, props.thread, props.running);
    } catch (failure) {
      setError(messageOf(failure));
    }
  });

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
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
        <TooLong text={text()} />
        <div class="box">
          <textarea
            ref={box}
            rows="1"
            value={text()}
            enterkeyhint="enter"
            autocapitalize="sentences"
            aria-label={props.running ? 'Steer the running turn' : 'Message'}
            placeholder={props.running ? 'Steer this turn' : 'Message Codex'}
            onInput={(event) => draft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !(event.metaKey || event.ctrlKey)) return;
              event.preventDefault();
              void send();
            }}
          />
          <Show when={props.running}>
            <button
              type="button"
              class="round stop"
              aria-label="Stop"
              title="Stop"
              disabled={stopping() !== undefined}
              onClick={() => void stop()}
            >
              <Icon name="stop" />
            </button>
          </Show>
          <button type="submit" class="round send" aria-label="Send" title="Send" disabled={!sendable()}>
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
