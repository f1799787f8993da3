// One turn of the transcript: its items in order, plan, diff, and how it stands
// or ended. Off-screen turns cost nothing (content-visibility).
import { For, Show } from 'solid-js';
import { to } from '../app/route.ts';
import { stateWords } from '../model/approval-words.ts';
import type { Approval } from '../model/approvals.ts';
import { clockTime } from '../model/freshness.ts';
import type { Turn } from '../model/turns.ts';
import { Fold, PatchView } from './later.tsx';
import { duration, ItemView } from './item.tsx';

/** Approvals that are over, by the item they were about. */
export type Settled = ReadonlyMap<string, readonly Approval[]>;

export interface TurnTruth {
  /** Whether Mac and Codex were heard from recently; else since when not. */
  known: boolean;
  sinceMs: number;
}

export function TurnView(props: {
  turn: Turn;
  cwd: string;
  last: boolean;
  truth: TurnTruth;
  asking: ReadonlySet<string>;
  waiting: boolean;
  settled: Settled;
}) {
  return (
    <section class="turn" data-turn-id={props.turn.id} data-turn-status={props.turn.status} aria-label="Turn">
      <Show when={props.turn.dropped}>
        <p class="muted small">{props.turn.dropped} earlier items of this turn are on your Mac.</p>
      </Show>
      <For each={props.turn.items}>
        {(item) => (
          <div class="entry">
            <ItemView item={item} cwd={props.cwd} asking={props.asking.has(item.id)} />
            <For each={props.settled.get(item.id) ?? []}>
              {(approval) => (
                <a
                  class="settled"
                  href={to.thread(approval.thread, approval.id)}
                  data-approval-state={approval.state}
                >
                  {stateWords(approval)}
                </a>
              )}
            </For>
          </div>
        )}
      </For>
      <Show when={props.turn.plan.length}>
        <Plan turn={props.turn} />
      </Show>
      <For each={props.turn.notes}>
        {(note) => (
          <p class="notice" role="note">
            {note.text}
          </p>
        )}
      </For>
      <Show when={props.turn.diff}>
        <Fold class="fold changes" title="All changes of this turn">
          <PatchView text={props.turn.diff} cwd={props.cwd} />
        </Fold>
      </Show>
      <End turn={props.turn} last={props.last} truth={props.truth} waiting={props.waiting} />
    </section>
  );
}

function Plan(props: { turn: Turn }) {
  return (
    <section class="plan" aria-label="Plan">
      <Show when={props.turn.planWhy}>
        <p class="muted small">{props.turn.planWhy}</p>
      </Show>
      <ol>
        <For each={props.turn.plan}>
          {(step) => (
            <li class={step.status}>
              <span class="sr">
                {step.status === 'completed' ? 'Done: ' : step.status === 'inProgress' ? 'Now: ' : 'Later: '}
              </span>
              {step.step}
            </li>
          )}
        </For>
      </ol>
    </section>
  );
}

function took(turn: Turn): string {
  const { startedAtMs, completedAtMs } = turn;
  if (startedAtMs === undefined || completedAtMs === undefined) return '';
  // Codex tells both in whole seconds.
  return completedAtMs - startedAtMs < 1000 ? 'about a second' : duration(completedAtMs - startedAtMs);
}

function End(props: { turn: Turn; last: boolean; truth: TurnTruth; waiting: boolean }) {
  const running = (): string => {
    if (!props.truth.known)
      return props.truth.sinceMs
        ? `Unknown since ${clockTime(props.truth.sinceMs)}`
        : 'Unknown: your Mac has not been heard from';
    return props.waiting ? 'Waiting for your answer' : 'Working';
  };
  return (
    <div class={`turnend ${props.turn.status}`}>
      <Show when={props.turn.status === 'inProgress' && props.last}>
        <p class="running" classList={{ unknown: !props.truth.known, waiting: props.waiting }}>
          <i aria-hidden="true" />
          {running()}
        </p>
      </Show>
      <Show when={props.turn.status === 'interrupted'}>
        <p class="notice" role="note">
          Interrupted. {props.turn.error}
        </p>
      </Show>
      <Show when={props.turn.status === 'failed'}>
        <p class="notice bad" role="note">
          Failed: {props.turn.error || 'Codex gave no reason'}
        </p>
      </Show>
      <Show when={props.turn.status === 'completed' && took(props.turn)}>
        <p class="muted small took">Done in {took(props.turn)}</p>
      </Show>
    </div>
  );
}
