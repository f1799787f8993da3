// From what a person filled in to the `answers` of docs/link.md. Pure. Not for
// drawing the fields (approval-body.tsx).
import type { ApprovalView, Field, Question } from '../model/approval-view.ts';

/** By question id or field name: a text, or several, or yes/no. */
export type Answers = Readonly<Record<string, string | boolean | readonly string[]>>;

/** What a form holds before anybody has touched it. */
export function initialAnswers(view: ApprovalView): Answers {
  if (view.kind !== 'form') return {};
  return Object.fromEntries(
    view.fields.flatMap(({ name, initial }) => (initial === undefined ? [] : [[name, initial]])),
  );
}

/** What was begun before the page was closed; odd text is none. */
export function begunAnswers(text: string): Answers {
  let kept: unknown;
  try {
    kept = JSON.parse(text || '{}');
  } catch {
    return {};
  }
  if (typeof kept !== 'object' || kept === null) return {};
  const answers: Record<string, Answers[string]> = {};
  for (const [name, value] of Object.entries(kept as Record<string, unknown>)) {
    if (typeof value === 'string' || typeof value === 'boolean') answers[name] = value;
    if (Array.isArray(value)) answers[name] = value.filter((one) => typeof one === 'string');
  }
  return answers;
}

/** Without the answers to secret questions: those are kept nowhere. */
export function openAnswers(view: ApprovalView, answers: Answers): Answers {
  if (view.kind !== 'questions') return answers;
  const secret = new Set(view.questions.filter((question) => question.secret).map(({ id }) => id));
  return Object.fromEntries(Object.entries(answers).filter(([name]) => !secret.has(name)));
}

export function questionAnswers(questions: readonly Question[], answers: Answers): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const question of questions) {
    const value = answers[question.id];
    out[question.id] = typeof value === 'string' ? [value] : [];
  }
  return out;
}

export function formAnswers(fields: readonly Field[], answers: Answers): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of fields) {
    const value = answers[field.name];
    if (field.type === 'boolean') out[field.name] = value === true;
    else if (field.type === 'number') {
      if (typeof value === 'string' && value !== '') out[field.name] = Number(value);
    } else if (value !== undefined && value !== '') out[field.name] = value;
  }
  return out;
}

/** The first thing that still has to be filled in; empty when nothing is. */
export function missing(view: ApprovalView, answers: Answers): string {
  if (view.kind === 'questions')
    return view.questions.find((question) => !answers[question.id])?.question ?? '';
  if (view.kind === 'form')
    return (
      view.fields.find(
        (field) => field.required && field.type !== 'boolean' && (answers[field.name] ?? '') === '',
      )?.title ?? ''
    );
  return '';
}
