// The scenario format: what is read, what is refused and with which words, and which steps
// answer a request. No Codex and no network here: see model.test.ts.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { answerFor } from './answer.ts';
import { readProgress } from './progress.ts';
import { parseScenario, readScenario } from './scenario.ts';
import type { Scenario } from './scenario.ts';

const TURN = '01a20425-e349-7ea2-a635-433f5b26c243';
const EARLIER = 'msg_01a20425-0000-7ea2-a635-433f5b26c243';
const LATER = 'msg_01a20425-e400-7ea2-a635-433f5b26c243';
const user = (text: string, id = LATER): object => ({
  type: 'message',
  role: 'user',
  id,
  content: [{ type: 'input_text', text }],
});
const said = (text: string): object => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text }],
});
const call = { type: 'function_call', name: 'exec_command', call_id: 'c' };
const output = (text: string): object => ({ type: 'function_call_output', call_id: 'c', output: text });

/** The steps that answer these items, in short. */
function steps(scenario: Scenario, ...input: object[]): string[] {
  const progress = readProgress({ model: 'm', input, client_metadata: { turn_id: TURN } });
  return answerFor(scenario, progress).cues.map(({ step, values }) => {
    const text =
      'text' in step ? step.text : 'command' in step ? step.command : 'gate' in step ? step.gate : '';
    return `${step.kind} ${text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '?')}`.trim();
  });
}

test('the scenarios of this repository are read', () => {
  const folder = join(import.meta.dirname, '../scenarios');
  const files = readdirSync(folder).filter((file) => file.endsWith('.scenario'));
  assert.ok(files.length >= 2);
  for (const file of files) assert.ok(readScenario(join(folder, file)).blocks.length > 0, file);
});

test('captures go from the prompt into the steps', () => {
  const scenario = parseScenario('when the user says "copy {from} to {to}"\n  run cp {{from}} {{to}}\n');
  assert.deepEqual(steps(scenario, user('Please COPY  a.txt to b c.txt')), ['run cp a.txt b c.txt']);
});

test('the first block that fits answers, and without one the answer names the cure', () => {
  const scenario = parseScenario(
    'when the user says "say hello"\n  say one\nwhen the user says "say"\n  say two\n',
  );
  assert.deepEqual(steps(scenario, user('say hello')), ['say one']);
  assert.deepEqual(steps(scenario, user('say it')), ['say two']);
  assert.match(steps(scenario, user('other'))[0] ?? '', /No block .* `otherwise`/);
});

const WORK = parseScenario(`
otherwise
  say first
  run one
  and run two
  if done say well
  if failed say badly
  if refused say refused
  wait for gate
  say last
when steered "{words}"
  say steered {{words}}
`);

test('a response ends with the tool calls that go together', () => {
  assert.deepEqual(steps(WORK, user('go')), ['say first', 'run one', 'run two']);
});

test('the script goes on from what Codex recorded', () => {
  const after = [
    user('go'),
    said('first'),
    call,
    call,
    output('fine'),
    output('Wall time: 1\nProcess exited with code 0\nOutput:\nfine'),
  ];
  assert.deepEqual(steps(WORK, ...after), ['say well', 'wait gate', 'say last']);
  assert.deepEqual(steps(WORK, ...after, said('well')), ['wait gate', 'say last']);
  assert.deepEqual(steps(WORK, ...after, said('well'), said('last')), []);
});

test('what became of the last tool call decides', () => {
  const after = (text: string): string[] =>
    steps(WORK, user('go'), said('first'), call, call, output('x'), output(text));
  assert.equal(
    after('exec_command failed: CreateProcess { message: "Rejected(\\"rejected by user\\")" }')[0],
    'say refused',
  );
  assert.equal(after('patch rejected by user')[0], 'say refused');
  assert.equal(after('Wall time: 0.1 seconds\nOutput:\nuser rejected MCP tool call')[0], 'say refused');
  assert.equal(after('Wall time: 0.1 seconds\nOutput:\nit says: user rejected MCP tool call')[0], 'say well');
  assert.equal(
    after('Chunk ID: 1\nWall time: 1 seconds\nProcess exited with code 2\nOutput:\n')[0],
    'say badly',
  );
  assert.equal(
    after('Chunk ID: 1\nWall time: 1 seconds\nProcess exited with code 0\nOutput:\nExit code: 1')[0],
    'say well',
  );
});

test('a steering message is answered before the rest, and what it cut off comes again', () => {
  const steer = user('left');
  assert.deepEqual(steps(WORK, user('go'), steer), ['say steered left', 'say first', 'run one', 'run two']);
  assert.deepEqual(steps(WORK, user('go'), said('first'), steer), ['say steered left', 'run one', 'run two']);
  assert.deepEqual(
    steps(WORK, user('go'), said('first'), steer, said('steered left'), call, call, output(''), output('')),
    ['say well', 'wait gate', 'say last'],
  );
  assert.deepEqual(steps(WORK, user('go'), steer, user('right')).slice(0, 2), [
    'say steered left',
    'say steered right',
  ]);
});

test('earlier turns and what Codex says of its surroundings do not count', () => {
  const surroundings = user('<environment_context>\n  <cwd>/some/where</cwd>\n</environment_context>');
  const scenario = parseScenario('otherwise\n  say {{prompt}} in {{cwd}}\n');
  assert.deepEqual(steps(scenario, user('old', EARLIER), said('x'), surroundings, user('new')), [
    'say new in /some/where',
  ]);
});

test('other requests than turns get a harmless answer', () => {
  const progress = readProgress({
    client_metadata: { 'x-codex-turn-metadata': '{"request_kind":"compaction"}' },
  });
  assert.deepEqual(
    answerFor(WORK, progress).cues.map(({ step }) => step.kind),
    ['say'],
  );
});

test('nonsense from outside reads as an empty turn', () => {
  for (const body of [
    null,
    7,
    'x',
    [],
    { input: 3 },
    { input: [null, { content: [1] }], client_metadata: { 'x-codex-turn-metadata': '{' } },
  ]) {
    assert.deepEqual(readProgress(body).events, []);
  }
});

const BAD: [string, RegExp][] = [
  ['', /^f:1: no block: add `otherwise`/],
  ['  say x\n', /^f:1: a step before the first block/],
  ['| x\n', /^f:1: a `\|` line belongs below a step/],
  ['otherwise\n', /^f:1: the block has no step/],
  ['hello\n', /^f:1: a block opens with/],
  ['otherwise\n  say x\n\nwhen the user says "y"\n  say y\n', /^f:4: never reached, `otherwise` on line 1/],
  ['when the user says ""\n  say x\n', /^f:1: the pattern is empty/],
  ['when the user says "{a} {a}"\n  say x\n', /^f:1: `\{a\}` is taken/],
  ['when the user says "{cwd}"\n  say x\n', /^f:1: `\{cwd\}` is taken/],
  ['otherwise\n  shout x\n', /^f:2: `shout` is not a step: use say, think/],
  ['otherwise\n  say {{nothing}}\n', /^f:2: `\{\{nothing\}\}` is not known here: use \{\{cwd\}\}/],
  ['otherwise\n  say\n', /^f:2: the text is missing/],
  ['otherwise\n  say x\n    | y\n', /^f:2: text on the line and in/],
  ['otherwise\n  say (quickly) x\n', /^f:2: `quickly` is not an option here/],
  ['otherwise\n  say (at 0 deltas/s) x\n', /^f:2: `0` is not a whole number from 1/],
  ['otherwise\n  flood many\n', /^f:2: write `flood N deltas of B bytes`/],
  ['otherwise\n  flood 10 deltas of 70000 bytes\n', /^f:2: `70000` is not a whole number from 1 to 65536/],
  ['otherwise\n  fail 200\n', /^f:2: `200` is not a whole number from 400 to 599/],
  ['otherwise\n  escalate date\n', /^f:2: write `escalate COMMAND because REASON`/],
  ['otherwise\n  patch:\n    | nothing\n', /^f:2: a patch starts with/],
  ['otherwise\n  ask what\n    | one\n', /^f:2: write `ask QUESTION` with 2 or 3 lines/],
  ['otherwise\n  plan why\n    | someday: x\n', /^f:2: write `plan WHY` with lines/],
  ['otherwise\n  call tool\n', /^f:2: write `call TOOL with JSON` on one line/],
  ['otherwise\n  call a tool with {}\n', /^f:2: write `call TOOL with JSON`/],
  ['otherwise\n  call (in x) tool with {}\n', /^f:2: `call` has no options/],
  ['otherwise\n  call tool with {}\n    | x\n', /^f:2: write `call TOOL with JSON`/],
  [
    'otherwise\n  call tool with {city}\n',
    /^f:2: `\{city\}` is not JSON \(.*\): write the arguments as one object/,
  ],
  ['otherwise\n  call tool with ["x"]\n', /^f:2: `\["x"\]` is not an object/],
  ['otherwise\n  call tool with {"x": "{{nothing}}"}\n', /^f:2: `\{\{nothing\}\}` is not known here/],
  [
    'otherwise\n  call tool with {}\n  if done call tool with {}\n',
    /^f:3: `if` works with say and think only/,
  ],
  ['otherwise\n  and run x\n', /^f:2: `and` needs a tool call right before it/],
  ['otherwise\n  run x\n  and say y\n', /^f:3: `and` joins tool calls only/],
  ['otherwise\n  if done run x\n', /^f:2: `if` works with say and think only/],
];

for (const [text, message] of BAD) {
  test(`refused: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseScenario(text, 'f'),
      (error: Error) => {
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('a scenario that is not there is named', () => {
  assert.throws(() => readScenario('/no/such.scenario'), /cannot read the scenario `\/no\/such.scenario`/);
});
