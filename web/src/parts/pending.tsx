// What was ordered and is not yet in the transcript: its text and how far it has
// come, in the same words everywhere. Not for what came of it.
import { Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { drafts } from '../app/drafts.ts';
import { messageOf } from '../app/message.ts';
import { isFinal } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { Icon } from './icon.tsx';

export function progressWords(entry: Entry): string {
  switch (entry.state) {
    case 'saved':
      return entry.kept
        ? 'Saved on this phone, waiting for your Mac'
        : 'Waiting for your Mac, as long as this page is open';
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

/** Its words go back to where they were written, before what was begun there since. */
function backToItsBox({ purpose }: Entry): void {
  if (!('text' in purpose)) return;
  const name = purpose.kind === 'prompt' ? purpose.thread : 'new';
  if (purpose.kind === 'task') drafts.set('new.folder', purpose.cwd);
  drafts.set(name, [purpose.text, drafts.get(name)].filter(Boolean).join('\n\n'));
}

export function Pending(props: {
  client: Client;
  entry: Entry;
  again?: () => void;
  /** It is gone from here: dismissed, or taken back. */
  gone?: (how: 'dismissed' | 'taken-back') => void;
}) {
  const text = (): string => ('text' in props.entry.purpose ? props.entry.purpose.text : '');
  const final = (): boolean => isFinal(props.entry.state);
  const dismiss = async (): Promise<void> => {
    await props.client.outbox.dismiss(props.entry.id);
    props.gone?.('dismissed');
  };
  const takeBack = async (): Promise<void> => {
    const { client } = props;
    try {
      const entry = await client.outbox.takeBack(props.entry.id);
      if (entry) {
        backToItsBox(entry);
        props.gone?.('taken-back');
      } else client.setTrouble('It may already be on its way, so it was not taken back.');
    } catch (failure) {
      client.setTrouble(`It was not taken back: ${messageOf(failure)}`);
    }
  };
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
        <Show when={!final() && !props.entry.left}>
          <button type="button" class="link" onClick={() => void takeBack()}>
            Take back
          </button>
        </Show>
        <Show when={final() && props.again}>
          <button type="button" class="link" onClick={() => props.again?.()}>
            Send again
          </button>
        </Show>
        <Show when={final() && props.entry.state !== 'done'}>
          <button type="button" class="round small" aria-label="Dismiss" onClick={() => void dismiss()}>
            <Icon name="close" />
          </button>
        </Show>
      </div>
    </div>
  );
}
