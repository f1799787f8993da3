// What can be done with the open thread as a whole.
import { createSignal, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { messageOf } from '../app/message.ts';
import { once } from '../app/once.ts';
import { go, to } from '../app/route.ts';
import { archive, rename } from '../app/thread-actions.ts';
import type { OpenThread } from '../app/thread.ts';
import { Icon } from '../parts/icon.tsx';

const NAME_CHARACTERS_MAX = 200;

export function Menu(props: { client: Client; thread: OpenThread; title: string }) {
  let menu!: HTMLDivElement;
  const [naming, setNaming] = createSignal(false);
  const [error, setError] = createSignal('');
  const guarded = (run: () => Promise<void>) =>
    once(async () => {
      setError('');
      try {
        await run();
        menu.hidePopover();
      } catch (failure) {
        setError(messageOf(failure));
      }
    });
  const away = guarded(async () => {
    await archive(props.client, props.thread.id);
    go(to.threads);
  });
  const name = (event: SubmitEvent): void => {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget as HTMLFormElement).get('name') ?? '').trim();
    if (words) void guarded(() => rename(props.client, props.thread.id, props.thread.view.name, words))();
  };
  return (
    <>
      <button type="button" class="round" aria-label="Thread menu" popovertarget="thread-menu">
        <Icon name="more" />
      </button>
      <div
        id="thread-menu"
        class="menu"
        popover="auto"
        ref={menu}
        onToggle={() => {
          setNaming(false);
          setError('');
        }}
      >
        <Show
          when={naming()}
          fallback={
            <>
              <button type="button" onClick={() => setNaming(true)}>
                Rename
              </button>
              <button type="button" onClick={() => void away()}>
                Archive
              </button>
            </>
          }
        >
          <form onSubmit={name}>
            <input
              class="text"
              name="name"
              aria-label="Name"
              maxlength={NAME_CHARACTERS_MAX}
              value={props.title}
              ref={(box) => setTimeout(() => box.select(), 0)}
            />
            <button type="submit" class="primary">
              Rename
            </button>
          </form>
        </Show>
        <Show when={error()}>
          <p class="notice bad" role="alert">
            {error()}
          </p>
        </Show>
      </div>
    </>
  );
}
