// What was ordered and is not yet in the transcript: its text and how far it has
// come, in the same words everywhere. Not for what came of it.
import { Show } from 'solid-js';
import { isFinal } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { Icon } from './icon.tsx';

export function progressWords(entry: Entry): string {
  switch (entry.state) {
    case 'saved':
      return 'Saved on this phone, waiting for your Mac';
    case 'sent':
      return 'Sent';
    case 'received':
      return 'Received by your Mac';
    case 'done':
      return 'Done';
    case 'refused':
      return 'Refused';
    case 'failed':
      return 'Failed';
    case 'expired':
      return 'Not delivered in time';
    default:
      return 'Unknown: look before you try again';
  }
}

export function Pending(props: { entry: Entry; dismiss: () => void; again?: (() => void) | undefined }) {
  const text = (): string => ('text' in props.entry.purpose ? props.entry.purpose.text : '');
  const final = (): boolean => isFinal(props.entry.state);
  return (
    <div
      class="pending"
      classList={{ bad: final() && props.entry.state !== 'done' }}
      data-command-id={props.entry.id}
      data-state={props.entry.state}
    >
      <Show when={text()}>
        <div class="bubble">{text()}</div>
      </Show>
      <div class="progress">
        <span role="status">
          {progressWords(props.entry)}
          <Show when={props.entry.message}>: {props.entry.message}</Show>
        </span>
        <Show when={final() && props.again}>
          <button type="button" class="link" onClick={() => props.again?.()}>
            Send again
          </button>
        </Show>
        <Show when={final() && props.entry.state !== 'done'}>
          <button type="button" class="round small" aria-label="Dismiss" onClick={() => props.dismiss()}>
            <Icon name="close" />
          </button>
        </Show>
      </div>
    </div>
  );
}
