// The bottom sheet that answers one approval: what is asked, exactly the offered
// choices, and how far the answer has come. Never says "applied" before the
// Mac's signed step does. Drawing of what is asked: approval-body.tsx.
import { createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { decide } from '../app/orders.ts';
import { messageOf } from '../app/thread.ts';
import { isFinal } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { choosable, isOpen, isUnseen, unanswerable } from '../model/approvals.ts';
import type { Approval, Choice } from '../model/approvals.ts';
import { choiceLabel, stateWords, viewOf } from '../model/approval-view.ts';
import type { ApprovalView } from '../model/approval-view.ts';
import { ago } from '../model/freshness.ts';
import { Icon } from '../parts/icon.tsx';
import { ApprovalBody } from './approval-body.tsx';
import { formAnswers, initialAnswers, missing, questionAnswers } from './answers.ts';
import type { Answers } from './answers.ts';

const TITLES: Readonly<Record<ApprovalView['kind'], string>> = {
  command: 'Run this command?',
  change: 'Change these files?',
  questions: 'Codex asks you',
  permissions: 'Give more permissions?',
  tool: 'Run this tool?',
  form: 'A tool asks you',
  raw: 'Codex asks for something',
};

export default function ApprovalSheet(props: { client: Client; approval: Approval; close: () => void }) {
  let sheet!: HTMLDivElement;
  const [answers, setAnswers] = createSignal<Answers>(initialAnswers(viewOf(props.approval)));
  const [error, setError] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const view = createMemo(() => viewOf(props.approval));
  const mine = createMemo(() =>
    props.client
      .entries()
      .findLast(({ purpose }) => purpose.kind === 'decision' && purpose.approval === props.approval.id),
  );
  const why = createMemo(() =>
    props.client.may('approver')
      ? unanswerable(props.approval)
      : 'This device may not answer. Its role is set on your Mac.',
  );
  const settled = (): boolean => !isOpen(props.approval);
  const waiting = (): boolean =>
    busy() || (mine() !== undefined && !isFinal(mine()!.state)) || mine()?.state === 'done';

  const change = (name: string, value: Answers[string]): void => {
    setError('');
    setAnswers((known) => ({ ...known, [name]: value }));
  };
  const take = async (choice: Choice): Promise<void> => {
    const asked = view();
    const gives = choice.choice === 'answer' || (choice.choice === 'accept' && asked.kind === 'form');
    if (gives && missing(asked, answers())) return void setError(`Still empty: ${missing(asked, answers())}`);
    const given = !gives
      ? undefined
      : asked.kind === 'questions'
        ? questionAnswers(asked.questions, answers())
        : asked.kind === 'form'
          ? formAnswers(asked.fields, answers())
          : undefined;
    const secret = asked.kind === 'questions' && asked.questions.some((question) => question.secret);
    setBusy(true);
    setError('');
    try {
      const before = mine();
      if (before) await props.client.outbox.dismiss(before.id);
      await decide(props.client, props.approval, choice, given, secret);
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  };

  onMount(() => {
    const before = document.activeElement;
    sheet.focus();
    onCleanup(() => before instanceof HTMLElement && before.focus());
  });

  return (
    // biome-ignore lint/a11y: Esc and the button close it for whoever has no pointer
    <div class="veil" onClick={(event) => event.target === event.currentTarget && props.close()}>
      <div
        class="sheet"
        ref={sheet}
        role="dialog"
        aria-modal="true"
        aria-labelledby="approval-title"
        tabindex="-1"
        data-approval-id={props.approval.id}
        data-approval-state={props.approval.state}
        data-approval-digest={props.approval.digest}
        onKeyDown={(event) => keepInside(event, sheet, props.close)}
      >
        <header>
          <h2 id="approval-title">{TITLES[view().kind]}</h2>
          <button type="button" class="round" aria-label="Close" onClick={() => props.close()}>
            <Icon name="close" />
          </button>
        </header>
        <div class="sheetbody">
          <Show
            when={props.approval.verified}
            fallback={
              <p class="notice bad" role="alert">
                Could not be verified.
              </p>
            }
          >
            <p class="muted small">
              Signed by {props.client.mac()?.name || 'your Mac'} · asked{' '}
              {ago(props.approval.at, props.client.now())}
            </p>
          </Show>
          <Show
            when={!isUnseen(props.approval)}
            fallback={
              <p class="notice">
                What is asked is too long to be shown here. Here it can only be refused; to allow it, look at
                it at your desk.
              </p>
            }
          >
            <ApprovalBody view={view()} approval={props.approval} answers={answers()} change={change} />
          </Show>
          <Show when={props.approval.rule || props.approval.reason}>
            <p class="muted small">
              <Show when={props.approval.rule}>Rule {props.approval.rule}. </Show>
              {props.approval.reason}
            </p>
          </Show>
        </div>
        <footer>
          <Progress approval={props.approval} entry={mine()} />
          <Show when={error()}>
            <p class="notice bad" role="alert">
              {error()}
            </p>
          </Show>
          <Show when={!settled()}>
            <Show
              when={why() === '' || props.approval.state === 'deciding'}
              fallback={
                <p class="notice bad" role="alert">
                  {why()}
                </p>
              }
            >
              <div class="choices" role="group" aria-label="Choices">
                <For each={choosable(props.approval)}>
                  {(choice) => (
                    <button
                      type="button"
                      data-choice={choice.choice}
                      classList={{ primary: choice.grants, plain: !choice.grants }}
                      disabled={waiting() || props.approval.state !== 'open'}
                      onClick={() => void take(choice)}
                    >
                      {choiceLabel(choice, props.approval)}
                    </button>
                  )}
                </For>
              </div>
            </Show>
          </Show>
          <Show when={settled()}>
            <button type="button" class="plain" onClick={() => props.close()}>
              Back to the thread
            </button>
          </Show>
        </footer>
      </div>
    </div>
  );
}

/** sent → received by your Mac → the Mac's own signed word. */
function Progress(props: { approval: Approval; entry: Entry | undefined }) {
  const words = (): string => {
    const { approval, entry } = props;
    if (!isOpen(approval)) return stateWords(approval);
    if (!entry) return approval.state === 'open' ? '' : stateWords(approval);
    const label = entry.purpose.kind === 'decision' ? `“${entry.purpose.label}”` : '';
    switch (entry.state) {
      case 'saved':
        return `${label} is saved on this phone, waiting for your Mac${entry.message ? ` (${entry.message})` : ''}`;
      case 'sent':
        return `${label} sent${entry.message ? ` (${entry.message})` : ''}`;
      case 'received':
      case 'done':
        return `${label} received by your Mac`;
      default:
        return `${label} was not taken: ${entry.message || entry.state}`;
    }
  };
  return (
    <Show when={words()}>
      <p
        class="progressline"
        role="status"
        aria-live="polite"
        data-state={
          isOpen(props.approval) ? (props.entry?.state ?? props.approval.state) : props.approval.state
        }
      >
        {words()}
      </p>
    </Show>
  );
}

function keepInside(event: KeyboardEvent, sheet: HTMLElement, close: () => void): void {
  if (event.key === 'Escape') return close();
  if (event.key !== 'Tab') return;
  const stops = [
    ...sheet.querySelectorAll<HTMLElement>(
      'button:not(:disabled), input, select, textarea, a[href], summary, [tabindex="0"]',
    ),
  ];
  const first = stops[0];
  const last = stops.at(-1);
  const at = document.activeElement;
  if (event.shiftKey && (at === first || at === sheet)) last?.focus();
  else if (!event.shiftKey && at === last) first?.focus();
  else return;
  event.preventDefault();
}
