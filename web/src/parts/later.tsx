// Parts that are loaded once they are looked at: diffs and output are drawn when they are unfolded, and most never are.
import { createSignal, lazy, Show, Suspense } from 'solid-js';
import type { JSX } from 'solid-js';
import type { FileChange } from '../model/items.ts';

const diff = () => import('./diff.tsx');
const Change = lazy(async () => ({ default: (await diff()).ChangeView }));
const Patch = lazy(async () => ({ default: (await diff()).PatchView }));
const Text = lazy(async () => ({ default: (await import('./output.tsx')).Output }));

/** They are there before a finger is. */
export function preloadParts(): void {
  void Change.preload();
  void Text.preload();
}

/** What is still to be drawn counts as not seen (`more`, approval-sheet.tsx). */
function Later(props: { children: JSX.Element }) {
  return <Suspense fallback={<p class="more muted small">Loading…</p>}>{props.children}</Suspense>;
}

export function ChangeView(props: { change: FileChange; cwd: string; open: boolean }) {
  return (
    <Later>
      <Change change={props.change} cwd={props.cwd} open={props.open} />
    </Later>
  );
}

export function PatchView(props: { text: string; cwd: string }) {
  return (
    <Later>
      <Patch text={props.text} cwd={props.cwd} />
    </Later>
  );
}

export function Output(props: { text: string; cut: boolean }) {
  return (
    <Later>
      <Text text={props.text} cut={props.cut} />
    </Later>
  );
}

/** Drawn when it is first unfolded. */
export function Fold(props: { title: string; open?: boolean; class?: string; children: JSX.Element }) {
  const [opened, setOpened] = createSignal(false);
  return (
    <details
      class={props.class}
      open={props.open}
      onToggle={(event) => event.currentTarget.open && setOpened(true)}
    >
      <summary>{props.title}</summary>
      <Show when={opened() || props.open}>{props.children}</Show>
    </details>
  );
}
