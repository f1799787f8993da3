// The bottom sheet that answers one approval: what is asked, exactly the offered
// choices, and how far the answer has come. Never says "applied" before the
// Mac's signed step does. Drawing of what is asked: approval-body.tsx.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { drafts } from '../app/drafts.ts';
import { decide, sendPrompt } from '../app/orders.ts';
import { to } from '../app/route.ts';
import { messageOf } from '../app/message.ts';
import { isFinal } from '../link/outbox.ts';
import type { Entry } from '../link/outbox.ts';
import { choosable, isOpen, isUnseen, unanswerable } from '../model/approvals.ts';
import type { Approval, Choice } from '../model/approvals.ts';
import { summaryOf, viewOf } from '../model/approval-view.ts';
import { choiceLabel, lastingGrant, refusals, stateWords } from '../model/approval-words.ts';
import { visible } from '../model/visible.ts';
import type { ApprovalView } from '../model/approval-view.ts';
import { ago } from '../model/freshness.ts';
import { Icon } from '../parts/icon.tsx';
import { progressWords } from '../parts/pending.tsx';
import { ApprovalBody } from './approval-body.tsx';
import {
  begunAnswers,
  formAnswers,
  initialAnswers,
  missing,
  openAnswers,
  questionAnswers,
} from './answers.ts';
import type { Answers } from './answers.ts';
import './approval-sheet.css';

const TITLES: Readonly<Record<ApprovalView['kind'], string>> = {
  command: 'Run this command?',
  change: 'Change these files?',
  questions: 'Codex asks you',
  permissions: 'Give more permissions?',
  tool: 'Run this tool?',
  form: 'A tool asks you',
  raw: 'Codex asks for something',
};

/** Once it is answered. */
const ENDED_TITLES: Readonly<Record<ApprovalView['kind'], string>> = {
  command: 'Command',
  change: 'File changes',
  questions: 'Question',
  permissions: 'Permissions',
  tool: 'Tool',
  form: 'Question of a tool',
  raw: 'Request',
};

export default function ApprovalSheet(props: {
  client: Client;
  approval: Approval;
  /** The one to go on with once this is answered. */
  next: Approval | undefined;
  close: () => void;
}) {
  let sheet!: HTMLDivElement;
  let body!: HTMLDivElement;
  let end!: HTMLDivElement;
  const [seen, setSeen] = createSignal(false);
  /** The end of what is asked is in view, and nothing before it is still to be drawn (parts/diff.tsx). */
  const look = (): void => {
    const atEnd = end.getBoundingClientRect().top <= body.getBoundingClientRect().bottom;
    if (atEnd && !body.querySelector('.more')) setSeen(true);
  };
  onMount(() => {
    const sizes = new ResizeObserver(look);
    const parts = new MutationObserver(look);
    sizes.observe(body);
    parts.observe(body, { childList: true, subtree: true });
    onCleanup(() => {
      sizes.disconnect();
      parts.disconnect();
    });
  });
  const begun = `answers.${props.approval.id}`;
  const [answers, setAnswers] = createSignal<Answers>({
    ...initialAnswers(viewOf(props.approval)),
    ...begunAnswers(drafts.get(begun)),
  });
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
    const open = openAnswers(view(), answers());
    drafts.set(begun, Object.keys(open).length ? JSON.stringify(open) : '');
  };
  createEffect(() => settled() && drafts.set(begun, ''));
  const take = async (choice: Choice): Promise<Entry | undefined> => {
    if (waiting()) return undefined;
    const asked = view();
    const gives = choice.choice === 'answer' || (choice.choice === 'accept' && asked.kind === 'form');
    if (gives && missing(asked, answers()))
      return void setError(`Still empty: ${missing(asked, answers())}`) as undefined;
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
      return await decide(props.client, props.approval, choice, given, secret);
    } catch (failure) {
      setError(messageOf(failure));
      return undefined;
    } finally {
      setBusy(false);
    }
  };

  /** Declines, and tells Codex what to do in its place; only where the turn goes on after that. */
  const instead = (): ((words: string) => Promise<void>) | undefined => {
    const decline = choosable(props.approval).find(({ choice }) => choice === 'decline');
    const asks = ['command', 'change', 'permissions'].includes(view().kind);
    if (!decline || !asks || !props.client.may('operator')) return undefined;
    const { client } = props;
    const { thread, turn } = props.approval;
    return async (words) => {
      // A page that is closed before it is sent finds it in the message box (screens/composer.tsx).
      drafts.set(thread, words);
      const entry = await take(decline);
      const ending = entry && (await client.outbox.ending(entry.id));
      if (ending !== 'done')
        return void (
          entry &&
          setError('It was not declined, so your words were not sent: they are kept for the message box.')
        );
      try {
        await sendPrompt(client, thread, words, turn);
        drafts.set(thread, '');
      } catch (failure) {
        client.setTrouble(`Declined, but your words were not sent: ${messageOf(failure)}`);
      }
    };
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
        <div class="sheethead">
          <h2 id="approval-title">{(settled() ? ENDED_TITLES : TITLES)[view().kind]}</h2>
          <button type="button" class="round" aria-label="Close" onClick={() => props.close()}>
            <Icon name="close" />
          </button>
        </div>
        <div class="sheetbody" ref={body} onScroll={look}>
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
              {ago(props.approval.askedAt, props.client.now())}
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
              {visible(props.approval.reason)}
            </p>
          </Show>
          <div class="seen" ref={end} />
        </div>
        <div class="sheetfoot">
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
              <Choices
                approval={props.approval}
                idle={!waiting() && props.approval.state === 'open'}
                seen={seen()}
                showRest={() => body.scrollBy({ top: body.clientHeight * 0.8, behavior: 'smooth' })}
                take={(choice) => void take(choice)}
                instead={instead()}
              />
            </Show>
          </Show>
          <Show when={settled()}>
            <div class="choices">
              <button type="button" class="plain" onClick={() => props.close()}>
                Back to the thread
              </button>
              <Show when={props.next}>
                {(next) => (
                  <a class="button next" href={to.thread(next().thread, next().id)}>
                    Next: {summaryOf(next())}
                  </a>
                )}
              </Show>
            </div>
          </Show>
        </div>
      </div>
    </div>
  );
}

/**
 * Nothing that grants can be pressed before the end of what is asked was in view. What holds for longer than this
 * once stands apart, says how far it reaches, and asks once more.
 */
function Choices(props: {
  approval: Approval;
  idle: boolean;
  seen: boolean;
  showRest: () => void;
  take: (choice: Choice) => void;
  instead: ((words: string) => Promise<void>) | undefined;
}) {
  const [words, setWords] = createSignal<string>();
  const [lasting, setLasting] = createSignal<Choice>();
  const all = createMemo(() => choosable(props.approval));
  const grants = createMemo(() => all().filter((choice) => choice.grants));
  const once = createMemo(() => grants().filter((choice) => !lastingGrant(choice, props.approval)));
  const longer = createMemo(() => grants().filter((choice) => lastingGrant(choice, props.approval)));
  const Button = (of: { choice: Choice; kind: 'primary' | 'plain'; press?: () => void; words?: string }) => (
    <button
      type="button"
      class={of.kind}
      data-choice={of.choice.choice}
      disabled={!props.idle || (of.choice.grants && !props.seen)}
      onClick={() => (of.press ?? (() => props.take(of.choice)))()}
    >
      {of.words ?? choiceLabel(of.choice, props.approval)}
    </button>
  );
  return (
    <Show
      when={lasting()}
      fallback={
        <div class="choices" role="group" aria-label="Choices">
          <Show
            when={props.seen || grants().length === 0}
            fallback={
              <button type="button" class="primary" data-choice="" onClick={() => props.showRest()}>
                Show the rest
              </button>
            }
          >
            <For each={once()}>{(choice) => <Button choice={choice} kind="primary" />}</For>
          </Show>
          <For each={refusals(all())}>{(choice) => <Button choice={choice} kind="plain" />}</For>
          <Show when={props.instead}>
            {(instead) => (
              <Show
                when={words() !== undefined}
                fallback={
                  <button type="button" class="link" disabled={!props.idle} onClick={() => setWords('')}>
                    No, do this instead
                  </button>
                }
              >
                <form
                  class="instead"
                  onSubmit={(event) => {
                    event.preventDefault();
                    const said = words() ?? '';
                    setWords(undefined);
                    void instead()(said);
                  }}
                >
                  <textarea
                    class="text"
                    rows="2"
                    aria-label="What to do instead"
                    placeholder="What to do instead"
                    value={words()}
                    onInput={(event) => setWords(event.currentTarget.value)}
                    ref={(area) => setTimeout(() => area.focus(), 0)}
                  />
                  <button type="submit" class="plain" disabled={!props.idle || !words()?.trim()}>
                    Decline and send
                  </button>
                </form>
              </Show>
            )}
          </Show>
          <Show when={longer().length}>
            <details class="longer">
              <summary>Allow for longer</summary>
              <For each={longer()}>
                {(choice) => <Button choice={choice} kind="plain" press={() => setLasting(choice)} />}
              </For>
            </details>
          </Show>
        </div>
      }
    >
      {(choice) => (
        <div class="choices" role="group" aria-label="Confirm">
          <p>
            <b>{lastingGrant(choice(), props.approval)?.label}?</b>{' '}
            {lastingGrant(choice(), props.approval)?.scope}
          </p>
          <Show when={lastingGrant(choice(), props.approval)?.about}>
            {(about) => (
              <pre class="askcmd" tabindex="0" role="region" aria-label="What it is about">
                {about()}
              </pre>
            )}
          </Show>
          <Button
            choice={choice()}
            kind="primary"
            words={`Yes: ${lastingGrant(choice(), props.approval)?.label}`}
          />
          <button type="button" class="plain" onClick={() => setLasting(undefined)}>
            Back
          </button>
        </div>
      )}
    </Show>
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
        return `${label}: ${progressWords(entry)}${entry.message ? ` (${entry.message})` : ''}`;
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
