// What an approval is about, drawn from the bytes whose digest is sent back.
// Holds no state: answers live in the sheet.
import { For, Match, Show, Switch } from 'solid-js';
import { isOpen } from '../model/approvals.ts';
import type { Approval } from '../model/approvals.ts';
import type { ApprovalView, Field, Question } from '../model/approval-view.ts';
import { ChangeView } from '../parts/later.tsx';
import type { Answers } from './answers.ts';

interface Fill {
  answers: Answers;
  change: (name: string, value: string | boolean | readonly string[]) => void;
}

type Of<K extends ApprovalView['kind']> = Extract<ApprovalView, { kind: K }>;
const as = <K extends ApprovalView['kind']>(view: ApprovalView, kind: K): Of<K> | undefined =>
  view.kind === kind ? (view as Of<K>) : undefined;

export function ApprovalBody(props: Fill & { view: ApprovalView; approval: Approval }) {
  return (
    <Switch>
      <Match when={as(props.view, 'command')}>
        {(view) => <CommandBody view={view()} asked={isOpen(props.approval)} />}
      </Match>
      <Match when={as(props.view, 'change')}>{(view) => <ChangeBody view={view()} />}</Match>
      <Match when={as(props.view, 'questions')}>
        {(view) => (
          <For each={view().questions}>
            {(question) => <QuestionBody question={question} answers={props.answers} change={props.change} />}
          </For>
        )}
      </Match>
      <Match when={as(props.view, 'permissions')}>
        {(view) => (
          <>
            <Reason text={view().reason} />
            <ul class="asks">
              <For each={view().asks} fallback={<li>{view().raw}</li>}>
                {(ask) => <li>{ask}</li>}
              </For>
            </ul>
            <Where cwd={view().cwd} />
          </>
        )}
      </Match>
      <Match when={as(props.view, 'tool')}>{(view) => <ToolBody view={view()} />}</Match>
      <Match when={as(props.view, 'form')}>
        {(view) => <FormBody view={view()} answers={props.answers} change={props.change} />}
      </Match>
      <Match when={as(props.view, 'raw')}>
        {(view) => (
          <>
            <p>
              This app does not know <code>{view().method}</code>. It can only be declined here. This is all
              that was sent:
            </p>
            <pre class="output" tabindex="0">
              {view().raw}
            </pre>
          </>
        )}
      </Match>
    </Switch>
  );
}

function Reason(props: { text: string }) {
  return (
    <Show when={props.text}>
      <p class="reason">
        <span class="sr">Reason: </span>
        {props.text}
      </p>
    </Show>
  );
}

function Where(props: { cwd: string }) {
  return (
    <Show when={props.cwd}>
      <p class="where">
        <span class="muted">in</span> <code>{props.cwd}</code>
      </p>
    </Show>
  );
}

function CommandBody(props: { view: Of<'command'>; asked: boolean }) {
  return (
    <>
      <Show when={props.view.command}>
        <pre class="askcmd" tabindex="0" role="region" aria-label="Command">
          <code>{props.view.command}</code>
        </pre>
      </Show>
      <Where cwd={props.view.cwd} />
      <Reason text={props.view.reason} />
      <Show when={props.view.network}>
        <p>
          It wants to reach <code>{props.view.network}</code>.
        </p>
      </Show>
      <Show when={props.view.extra}>
        <p>With more permissions: {props.view.extra}</p>
      </Show>
      <Show when={props.view.outside && props.asked}>
        <p class="notice warn" role="note">
          If you allow it, it may run outside the sandbox, with everything your own user can do on this Mac.
        </p>
      </Show>
    </>
  );
}

function ChangeBody(props: { view: Of<'change'> }) {
  return (
    <>
      <Reason text={props.view.reason} />
      <Show when={props.view.root}>
        <p class="notice warn" role="note">
          It asks to write anywhere under <code>{props.view.root}</code> for the rest of the session.
        </p>
      </Show>
      <Where cwd={props.view.cwd} />
      <For
        each={props.view.changes}
        fallback={
          <>
            <p class="notice warn">The changes themselves did not come with the request.</p>
            <pre class="output" tabindex="0">
              {props.view.raw}
            </pre>
          </>
        }
      >
        {(change) => <ChangeView change={change} cwd={props.view.cwd} open />}
      </For>
    </>
  );
}

function QuestionBody(props: Fill & { question: Question }) {
  const { question } = props;
  const value = (): string => String(props.answers[question.id] ?? '');
  const free = question.other || question.options.length === 0;
  return (
    <fieldset>
      <legend>{question.question || question.header}</legend>
      <For each={question.options}>
        {(option) => (
          <label class="option">
            <input
              type="radio"
              name={question.id}
              value={option.label}
              checked={value() === option.label}
              onChange={() => props.change(question.id, option.label)}
            />
            <span>
              {option.shown}
              <Show when={option.description}>
                <span class="muted small"> {option.description}</span>
              </Show>
            </span>
          </label>
        )}
      </For>
      <Show when={free}>
        <input
          type={question.secret ? 'password' : 'text'}
          autocomplete="off"
          class="text"
          aria-label={question.options.length ? `Other answer to: ${question.question}` : question.question}
          placeholder={question.options.length ? 'Something else' : 'Your answer'}
          value={question.options.some((option) => option.label === value()) ? '' : value()}
          onInput={(event) => props.change(question.id, event.currentTarget.value)}
        />
        <Show when={question.secret}>
          <p class="muted small">A secret: it goes to Codex on your Mac and is not kept on this phone.</p>
        </Show>
      </Show>
    </fieldset>
  );
}

function ToolBody(props: { view: Of<'tool'> }) {
  return (
    <>
      <p>{props.view.message}</p>
      <Show when={props.view.args} fallback={<p class="muted small">It is given nothing.</p>}>
        <pre class="askcmd" tabindex="0" role="region" aria-label="What it is given">
          <code>{props.view.args}</code>
        </pre>
      </Show>
      <Show when={props.view.about}>
        <p class="muted small">
          {props.view.server} says of it: {props.view.about}
        </p>
      </Show>
      <p class="notice warn" role="note">
        A tool server runs outside the sandbox.
      </p>
    </>
  );
}

function FormBody(props: Fill & { view: Of<'form'> }) {
  return (
    <>
      <p>{props.view.message}</p>
      <Show when={props.view.server}>
        <p class="muted small">asked by the tool server {props.view.server}</p>
      </Show>
      <Show when={props.view.url}>
        <p class="where">
          <code>{props.view.url}</code>
        </p>
      </Show>
      <For each={props.view.fields}>
        {(field) => <FieldBody field={field} answers={props.answers} change={props.change} />}
      </For>
    </>
  );
}

function FieldBody(props: Fill & { field: Field }) {
  const { field } = props;
  const value = (): string => String(props.answers[field.name] ?? '');
  const picked = (): readonly string[] =>
    Array.isArray(props.answers[field.name]) ? (props.answers[field.name] as readonly string[]) : [];
  const toggle = (option: string, on: boolean): void =>
    props.change(field.name, on ? [...picked(), option] : picked().filter((known) => known !== option));
  const title = field.required || field.type === 'boolean' ? field.title : `${field.title} (optional)`;
  return (
    <>
      <Switch
        fallback={
          <label class="field">
            {title}
            <input
              class="text"
              type={field.type === 'number' ? 'number' : 'text'}
              step="any"
              autocomplete="off"
              value={value()}
              onInput={(event) => props.change(field.name, event.currentTarget.value)}
            />
          </label>
        }
      >
        <Match when={field.type === 'boolean'}>
          <label class="option">
            <input
              type="checkbox"
              checked={props.answers[field.name] === true}
              onChange={(event) => props.change(field.name, event.currentTarget.checked)}
            />
            <span>{title}</span>
          </label>
        </Match>
        <Match when={field.type === 'choice'}>
          <label class="field">
            {title}
            <select value={value()} onChange={(event) => props.change(field.name, event.currentTarget.value)}>
              <option value="">Choose…</option>
              <For each={field.options}>
                {(option) => <option value={option.value}>{option.title}</option>}
              </For>
            </select>
          </label>
        </Match>
        <Match when={field.type === 'choices'}>
          <fieldset>
            <legend>{title}</legend>
            <For each={field.options}>
              {(option) => (
                <label class="option">
                  <input
                    type="checkbox"
                    checked={picked().includes(option.value)}
                    onChange={(event) => toggle(option.value, event.currentTarget.checked)}
                  />
                  <span>{option.title}</span>
                </label>
              )}
            </For>
          </fieldset>
        </Match>
      </Switch>
      <Show when={field.about}>
        <p class="muted small">{field.about}</p>
      </Show>
    </>
  );
}
