// Words that are too long to be sent, said while they are written.
import { Show } from 'solid-js';
import { tooLong } from '../app/orders.ts';

export function TooLong(props: { text: string }) {
  return (
    <Show when={tooLong(props.text)}>
      {(words) => (
        <p class="notice bad slim" role="alert">
          {words()}
        </p>
      )}
    </Show>
  );
}
