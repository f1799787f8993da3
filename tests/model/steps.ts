// The steps a scripted answer is made of, and how one line of a scenario file becomes a
// step. Not for the file's blocks (scenario.ts) and not for playing them (player.ts).
// The format is described in tests/scenarios/README.md.

/** Text steps shape the stream; tool steps end a response and wait for Codex's output. */
export type TextStep =
  | { kind: 'say' | 'think'; text: string; deltas?: string; perSecond?: string; only?: Outcome }
  | { kind: 'flood'; deltas: string; bytes: string }
  | { kind: 'wait'; gate: string }
  | { kind: 'fail'; status: string };

/** `together`: in the same response as the tool step before it. */
export type ToolStep = { together: boolean } & (
  | { kind: 'run'; command: string; folder?: string; yieldMs?: string }
  | { kind: 'escalate'; command: string; reason: string; folder?: string }
  | { kind: 'patch'; patch: string }
  | { kind: 'ask'; question: string; options: { label: string; description: string }[] }
  | { kind: 'plan'; explanation: string; steps: { step: string; status: string }[] }
  | { kind: 'call'; tool: string; args: Record<string, unknown> }
);

export type Step = (TextStep | ToolStep) & { line: number };
/** How the last tool step ended: a step can be for one of these only. */
export type Outcome = 'refused' | 'failed' | 'done';

/** One step's line and the `|` lines below it. */
export interface StepSource {
  text: string;
  body: string[];
  line: number;
}

/** Codex takes no more and no fewer options in one question. */
const OPTIONS_MIN = 2;
const OPTIONS_MAX = 3;
const TOOLS = ['run', 'escalate', 'patch', 'ask', 'plan', 'call'];
const PLAN_STATES: Record<string, string> = { done: 'completed', doing: 'in_progress', open: 'pending' };

export function isTool(step: Step): step is ToolStep & { line: number } {
  return TOOLS.includes(step.kind);
}

/** Smallest and largest value of each number a step can hold, by field. */
const LIMITS = {
  deltas: [1, 1_000_000],
  /** Per delta; Codex copies each several times. */
  bytes: [1, 65_536],
  perSecond: [1, 100_000],
  /** What Codex itself allows. */
  yieldMs: [250, 30_000],
  status: [400, 599],
} as const;

export function wholeNumber(field: keyof typeof LIMITS, text: string): number {
  const [min, max] = LIMITS[field];
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new Error(`\`${text}\` is not a whole number from ${min} to ${max}`);
  return value;
}

/** Refuses a number that is out of bounds; one that still is a variable passes. */
export function checkNumbers(step: Step): void {
  const fields: object = step;
  for (const [field, value] of Object.entries(fields)) {
    if (field in LIMITS && typeof value === 'string' && !value.includes('{{'))
      wholeNumber(field as keyof typeof LIMITS, value);
  }
}

/** Throws an Error whose message names the cure; the caller adds file and line. */
export function parseStep(source: StepSource): Step {
  const { together, only, rest } = prefixes(source.text);
  const [, verb = '', tail = ''] = /^(\S+)\s*(.*)$/.exec(rest) ?? [];
  const parse = PARSERS[verb.replace(/:$/, '')];
  if (!parse) throw new Error(`\`${verb}\` is not a step: use ${Object.keys(PARSERS).join(', ')}`);
  const parsed = parse({ ...options(verb.endsWith(':') ? ':' : tail), body: source.body });
  const step = { ...parsed, line: source.line } as Step;
  if (together && !isTool(step))
    throw new Error(`\`and\` joins tool calls only: write \`${verb}\` as a step of its own`);
  if (only && step.kind !== 'say' && step.kind !== 'think')
    throw new Error('`if` works with say and think only');
  checkNumbers(step);
  if (isTool(step)) step.together = together;
  if (only && (step.kind === 'say' || step.kind === 'think')) step.only = only;
  return step;
}

function prefixes(text: string): { together: boolean; only?: Outcome; rest: string } {
  const only = /^if (refused|failed|done) (.*)$/s.exec(text);
  if (only) return { together: false, only: only[1] as Outcome, rest: only[2] ?? '' };
  if (text.startsWith('and ')) return { together: true, rest: text.slice(4).trim() };
  return { together: false, rest: text };
}

interface Parts {
  options: string[];
  tail: string;
  body: string[];
}
type Parser = (parts: Parts) => object;

const PARSERS: Record<string, Parser> = {
  say: (parts) => ({ kind: 'say', ...streamOptions(parts), text: textOf(parts) }),
  think: (parts) => ({ kind: 'think', ...streamOptions(parts), text: textOf(parts) }),
  flood: ({ tail, ...rest }) => {
    const [, deltas, bytes] = grammar(
      /^(\S+) deltas of (\S+) bytes$/,
      { tail, ...rest },
      'flood N deltas of B bytes',
    );
    return { kind: 'flood', deltas, bytes };
  },
  wait: (parts) => ({ kind: 'wait', gate: grammar(/^for (\S+)$/, parts, 'wait for NAME')[1] }),
  fail: (parts) => ({ kind: 'fail', status: grammar(/^(\S+)$/, parts, 'fail STATUS, such as fail 500')[1] }),
  run: (parts) => ({ kind: 'run', ...commandOptions(parts), command: textOf(parts) }),
  escalate: (parts) => {
    const [, command, reason] = grammar(/^(.+) because (.+)$/, parts, 'escalate COMMAND because REASON');
    return { kind: 'escalate', ...commandOptions(parts), command, reason };
  },
  patch: (parts) => {
    const patch = textOf(parts);
    if (!/^\*\*\* Begin Patch\n[^]*\n\*\*\* End Patch$/.test(patch)) {
      throw new Error('a patch starts with `| *** Begin Patch` and ends with `| *** End Patch`');
    }
    return { kind: 'patch', patch };
  },
  ask: ({ tail, body }) => {
    const choices = body
      .map((line) => /^([^:]+?)(?::\s*(.*))?$/.exec(line))
      .map((match) => ({
        label: match?.[1]?.trim() ?? '',
        description: match?.[2] ?? '',
      }));
    if (
      tail === '' ||
      choices.length < OPTIONS_MIN ||
      choices.length > OPTIONS_MAX ||
      choices.some(({ label }) => label === '')
    ) {
      throw new Error(
        `write \`ask QUESTION\` with ${OPTIONS_MIN} or ${OPTIONS_MAX} lines \`| LABEL: what it means\` below`,
      );
    }
    return { kind: 'ask', question: tail, options: choices };
  },
  plan: ({ tail, body }) => {
    const steps = body.map((line) => {
      const [, state = '', step = ''] = /^(\w+): (.+)$/.exec(line) ?? [];
      return { step, status: PLAN_STATES[state] ?? '' };
    });
    if (tail === '' || steps.length === 0 || steps.some(({ status }) => status === '')) {
      throw new Error('write `plan WHY` with lines `| done: …`, `| doing: …` or `| open: …` below');
    }
    return { kind: 'plan', explanation: tail, steps };
  },
  call: (parts) => {
    if (parts.options.length > 0)
      throw new Error('`call` has no options: what the tool is to know goes into its arguments');
    const [, tool, args = ''] = grammar(/^(\S+) with (.+)$/, parts, 'call TOOL with JSON');
    return { kind: 'call', tool, args: jsonObject(args) };
  },
};

/** `(a, b) rest` or `rest`. A lone `:` at the end only announces the lines below. */
function options(tail: string): { options: string[]; tail: string } {
  const [, inside, after] = /^\(([^)]*)\)\s*(.*)$/.exec(tail) ?? [];
  const rest = (inside === undefined ? tail : (after ?? '')).trim();
  return {
    options: (inside ?? '')
      .split(',')
      .map((option) => option.trim())
      .filter((option) => option !== ''),
    tail: rest === ':' ? '' : rest,
  };
}

function textOf({ tail, body }: Parts): string {
  if (tail !== '' && body.length > 0)
    throw new Error('text on the line and in `|` lines below: use one of the two');
  const text = tail !== '' ? tail : body.join('\n');
  if (text.trim() === '') throw new Error('the text is missing: write it on the line, or in `|` lines below');
  return text;
}

function grammar(shape: RegExp, parts: Parts, wanted: string): RegExpExecArray {
  const match = shape.exec(parts.tail);
  if (!match || parts.body.length > 0) throw new Error(`write \`${wanted}\` on one line`);
  return match;
}

function jsonObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(
      `\`${text}\` is not JSON (${(error as Error).message}): write the arguments as one object, such as {"city": "Rome"}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`\`${text}\` is not an object: write the arguments as {"name": value}`);
  return value;
}

function streamOptions(parts: Parts): object {
  return readOptions(
    parts.options,
    [
      [/^in (\S+) deltas$/, 'deltas'],
      [/^at (\S+) deltas\/s$/, 'perSecond'],
    ],
    '`(in N deltas, at N deltas/s)`',
  );
}

function commandOptions(parts: Parts): object {
  return readOptions(
    parts.options,
    [
      [/^in (.+)$/, 'folder'],
      [/^yield after (\S+) ms$/, 'yieldMs'],
    ],
    '`(in FOLDER, yield after N ms)`',
  );
}

function readOptions(given: string[], known: [RegExp, string][], wanted: string): object {
  return Object.fromEntries(
    given.map((option) => {
      for (const [shape, name] of known) {
        const match = shape.exec(option);
        if (match) return [name, match[1]];
      }
      throw new Error(`\`${option}\` is not an option here: use ${wanted}`);
    }),
  );
}
