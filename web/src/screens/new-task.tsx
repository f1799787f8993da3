// Starts a task: folder, model, how much it may do unasked, and the prompt. One
// command, one task, however often it is resent. Not for running threads.
import { createEffect, createMemo, createSignal, For, on, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import type { InboxStore } from '../app/inbox.ts';
import { drafts } from '../app/drafts.ts';
import { once } from '../app/once.ts';
import { startTask, tooLong } from '../app/orders.ts';
import type { Task } from '../app/orders.ts';
import { replace, to } from '../app/route.ts';
import { messageOf } from '../app/message.ts';
import { arr, obj, str } from '../model/read.ts';
import { Icon } from '../parts/icon.tsx';
import { Pending } from '../parts/pending.tsx';
import { TooLong } from '../parts/too-long.tsx';

interface Model {
  id: string;
  name: string;
  efforts: readonly string[];
}

const RECENT_MAX = 12;

function readModels(result: unknown): Model[] {
  return arr(obj(result)['data'])
    .slice(0, 60)
    .map(obj)
    .filter((model) => model['hidden'] !== true)
    .map((model) => ({
      id: str(model['model']) || str(model['id']),
      name: str(model['displayName']) || str(model['model']),
      efforts: arr(model['supportedReasoningEfforts'])
        .map((option) => str(obj(option)['reasoningEffort']))
        .filter(Boolean),
    }));
}

function common(lists: readonly (readonly string[])[]): readonly string[] {
  return lists[0]?.filter((entry) => lists.every((list) => list.includes(entry))) ?? [];
}

export default function NewTask(props: { client: Client; inbox: InboxStore }) {
  const { client } = props;
  const [cwd, setCwd] = createSignal('');
  const prompt = (): string => drafts.get('new');
  const [model, setModel] = createSignal('');
  const [effort, setEffort] = createSignal('');
  const [permissions, setPermissions] = createSignal<Task['permissions']>('ask');
  const [models, setModels] = createSignal<readonly Model[]>([]);
  const [error, setError] = createSignal('');
  const [command, setCommand] = createSignal('');
  const entry = createMemo(() => client.entries().find((known) => known.id === command()));
  const folders = createMemo(() => {
    const recent = props.inbox.threads().map((row) => row.cwd);
    return [...new Set([...recent, ...(client.info()?.folders ?? [])])].filter(Boolean).slice(0, RECENT_MAX);
  });
  // Which model Default is, the Mac's own Codex configuration says: then only what every model knows.
  const efforts = createMemo(
    () =>
      models().find((known) => known.id === model())?.efforts ??
      common(models().map((known) => known.efforts)),
  );

  onMount(() => {
    // Never the home folder: Zane's own keys lie in it, and the Mac refuses it.
    setCwd(drafts.get('new.folder') || (folders()[0] ?? ''));
  });
  createEffect(() => {
    if (!cwd() && !command()) setCwd(folders()[0] ?? '');
  });
  const askModels = async (): Promise<void> => {
    try {
      setModels(readModels(await client.call('model/list', {})));
    } catch (failure) {
      setError(`The models could not be read: ${messageOf(failure)}`);
    }
  };
  createEffect(
    on(
      () => client.attach().state,
      (state) => void (state === 'yes' && models().length === 0 && askModels()),
    ),
  );
  // The task has a thread: go there. A person who has left this screen is not pulled along.
  createEffect(() => {
    const known = entry();
    if (known?.state !== 'done') return;
    const thread = str(obj(known.result)['thread']);
    if (thread) replace(to.thread(thread));
  });

  const start = once(async (): Promise<void> => {
    setError('');
    try {
      const made = await startTask(client, {
        cwd: cwd().trim(),
        prompt: prompt().trim(),
        model: model(),
        effort: effort(),
        permissions: permissions(),
      });
      drafts.set('new', '');
      drafts.set('new.folder', '');
      setCommand(made.id);
    } catch (failure) {
      setError(messageOf(failure));
    }
  });
  const sent = (): boolean =>
    entry() !== undefined && ['saved', 'sent', 'received', 'done'].includes(entry()?.state ?? '');

  return (
    <>
      <header class="bar">
        <a class="round" href={to.threads} aria-label="Back to threads">
          <Icon name="back" />
        </a>
        <h1>New task</h1>
      </header>
      <main class="form">
        <Show
          when={client.may('operator')}
          fallback={<p class="notice">This device may not start tasks. Its role is set on your Mac.</p>}
        >
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void start();
            }}
          >
            <label class="field">
              Prompt
              <textarea
                rows="5"
                required
                value={prompt()}
                placeholder="What should Codex do?"
                onInput={(event) => drafts.set('new', event.currentTarget.value)}
              />
              <TooLong text={prompt()} />
            </label>
            <label class="field">
              Folder
              <input
                class="text mono"
                required
                placeholder={`${client.info()?.home || ''}/project`}
                list="folders"
                value={cwd()}
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                onInput={(event) => setCwd(event.currentTarget.value)}
              />
            </label>
            <datalist id="folders">
              <For each={folders()}>{(folder) => <option value={folder} />}</For>
            </datalist>
            <div class="chips" role="group" aria-label="Recent folders">
              <For each={folders().slice(0, 6)}>
                {(folder) => (
                  <button
                    type="button"
                    aria-pressed={cwd() === folder}
                    title={folder}
                    onClick={() => setCwd(folder)}
                  >
                    {folder.split('/').filter(Boolean).at(-1) ?? folder}
                  </button>
                )}
              </For>
            </div>
            <div class="two">
              <label class="field">
                Model
                <select
                  value={model()}
                  onChange={(event) => {
                    setModel(event.currentTarget.value);
                    setEffort('');
                  }}
                >
                  <option value="">Default</option>
                  <For each={models()}>{(known) => <option value={known.id}>{known.name}</option>}</For>
                </select>
              </label>
              <label class="field">
                Effort
                <select value={effort()} onChange={(event) => setEffort(event.currentTarget.value)}>
                  <option value="">Default</option>
                  <For each={efforts()}>{(known) => <option value={known}>{known}</option>}</For>
                </select>
              </label>
            </div>
            <Permissions value={permissions()} owner={client.may('owner')} change={setPermissions} />
            <Show when={error()}>
              <p class="notice bad" role="alert">
                {error()}
              </p>
            </Show>
            <Show when={entry()}>
              {(known) => <Pending client={client} entry={known()} gone={() => setCommand('')} />}
            </Show>
            <button
              type="submit"
              class="primary wide"
              disabled={sent() || !prompt().trim() || tooLong(prompt()) !== '' || !cwd().trim()}
            >
              {sent() ? 'Starting…' : 'Start task'}
            </button>
          </form>
        </Show>
      </main>
    </>
  );
}

const PERMISSIONS = [
  ['ask', 'Ask', 'Works in the folder and asks before it goes further.'],
  ['read-only', 'Read only', 'Reads, and asks before it changes anything.'],
  ['full-access', 'Full access', 'Does anything your user can, without asking.'],
] as const;

function Permissions(props: {
  value: Task['permissions'];
  owner: boolean;
  change: (value: Task['permissions']) => void;
}) {
  return (
    <fieldset>
      <legend>Permissions</legend>
      <For each={PERMISSIONS}>
        {([value, title, words]) => (
          <label class="option">
            <input
              type="radio"
              name="permissions"
              value={value}
              checked={props.value === value}
              disabled={value === 'full-access' && !props.owner}
              onChange={() => props.change(value)}
            />
            <span>
              {title}
              <span class="muted small">
                {' '}
                {words}
                <Show when={value === 'full-access' && !props.owner}>
                  {' '}
                  Only an owner's device may choose this.
                </Show>
              </span>
            </span>
          </label>
        )}
      </For>
      <Show when={props.value === 'full-access'}>
        <p class="notice warn" role="note">
          No sandbox and no questions: it can read, change and delete everything your user can, and use the
          network. Later turns keep it.
        </p>
      </Show>
    </fieldset>
  );
}
