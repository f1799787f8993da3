// From what a person filled in to what is sent, and what of it is kept meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApprovalView } from '../model/approval-view.ts';
import { begunAnswers, formAnswers, openAnswers, questionAnswers } from './answers.ts';

const question = (id: string, secret: boolean) => ({
  id,
  header: id,
  question: id,
  options: [],
  other: true,
  secret,
});
const questions: ApprovalView = {
  kind: 'questions',
  questions: [question('name', false), question('pin', true)],
};

test('what is begun is kept without the secrets, and comes back as it was', () => {
  const open = openAnswers(questions, { name: 'Ada', pin: '1234' });
  assert.deepEqual(open, { name: 'Ada' });
  const all = { text: 'a "b"', yes: true, several: ['x', 'y'], none: [] };
  assert.deepEqual(begunAnswers(JSON.stringify(all)), all);
});

test('odd text is no answers', () => {
  for (const text of ['', '{', 'null', '7', '"x"', '[]']) assert.deepEqual(begunAnswers(text), {});
  assert.deepEqual(begunAnswers('{"a":7,"b":null,"c":{"d":1},"e":[1,"x"],"f":"ok"}'), { e: ['x'], f: 'ok' });
});

test('answers are sent under the names that were asked for', () => {
  if (questions.kind !== 'questions') return;
  assert.deepEqual(questionAnswers(questions.questions, { name: 'Ada', odd: 'x' }), {
    name: ['Ada'],
    pin: [],
  });
  const field = (name: string, type: 'number' | 'boolean' | 'text') => ({
    name,
    type,
    title: name,
    about: '',
    required: false,
    options: [],
  });
  const fields = [field('n', 'number'), field('b', 'boolean'), field('t', 'text')];
  assert.deepEqual(formAnswers(fields, { n: '7.5', t: '' }), { n: 7.5, b: false });
});
