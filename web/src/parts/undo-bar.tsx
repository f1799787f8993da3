// What was just done, with its undo.
import { createSignal, Show } from 'solid-js';
import { messageOf } from '../app/message.ts';
import { once } from '../app/once.ts';
import { offered, withdrawOffer } from '../app/undo.ts';

export function UndoBar() {
  const [error, setError] = createSignal('');
  const undo = once(async () => {
    setError('');
    try {
      await offered()?.undo();
      withdrawOffer();
    } catch (failure) {
      setError(messageOf(failure));
    }
  });
  return (
    <Show when={offered()}>
      {(offer) => (
        <p class="notice slim undo" role="status">
          {error() ? `Not undone: ${error()}` : offer().words}{' '}
          <button type="button" class="link" onClick={() => void undo()}>
            Undo
          </button>
        </p>
      )}
    </Show>
  );
}
