// Decides which steps answer one request: pure, from the scenario and the request's
// progress. Not for putting them on the wire: see player.ts.
import type { Progress } from './progress.ts';
import { choose } from './scenario.ts';
import type { Choice, Scenario } from './scenario.ts';
import { isTool } from './steps.ts';
import type { Outcome, Step } from './steps.ts';

/** A step with the values its text may use. */
export interface Cue { step: Step; values: Record<string, string> }

export interface Answer {
  cues: Cue[];
  /** The line of the block that answers the prompt, for the log of requests; 0 without one. */
  line: number;
}

/** What Codex puts before a command's output for the model; a person does not want it. */
const OUTPUT_HEAD = /^(?:Chunk ID: .*\n)?(?:Exit code: .*\n)?Wall time: .*\n(?:[^\n]*\n)*?Output:\n/;
/** Seen in 0.169 for commands and patches; an interrupted call is `aborted by user`. */
const REFUSAL = /rejected by user|rejected:|approval (?:was )?denied|aborted by user/i;

export function answerFor(scenario: Scenario, progress: Progress): Answer {
  if (progress.kind !== 'turn') return { cues: [plain('A scripted model has nothing to add.', 0)], line: 0 };
  const main = choose(scenario, 'says', progress.prompt);
  const steered = progress.steers.flatMap((message) => steerCues(scenario, progress, message));
  if (progress.finished) return { cues: steered, line: main?.block.line ?? 0 };
  if (!main) return { cues: [...steered, plain(noBlock(scenario, 'says'), 0)], line: 0 };
  const values = valuesOf(progress, main, progress.prompt);
  const outcome = outcomeOf(progress);
  const cues = segment(main.block.steps, progress.outputs.length)
    .filter((step) => !('only' in step) || step.only === outcome)
    .map((step) => ({ step, values }));
  return { cues: [...steered, ...cues], line: main.block.line };
}

/** From the step after the answered tool calls up to and with the next group of tool calls. */
function segment(steps: Step[], answered: number): Step[] {
  let start = 0;
  for (let left = answered; left > 0 && start < steps.length; start++) if (isTool(steps[start]!)) left--;
  // Half a group is answered when a turn was cut short: the group is over all the same.
  while (answered > 0 && isJoined(steps[start])) start++;
  const rest = steps.slice(start);
  const tool = rest.findIndex(isTool);
  if (tool < 0) return rest;
  const after = rest.findIndex((step, index) => index > tool && !isJoined(step));
  return after < 0 ? rest : rest.slice(0, after);
}

const isJoined = (step: Step | undefined): boolean => step !== undefined && isTool(step) && step.together;

function steerCues(scenario: Scenario, progress: Progress, message: string): Cue[] {
  const choice = choose(scenario, 'steered', message);
  if (!choice) return [plain(noBlock(scenario, 'steered'), 0)];
  const values = valuesOf(progress, choice, message);
  return choice.block.steps.map((step) => ({ step, values }));
}

function valuesOf(progress: Progress, choice: Choice, prompt: string): Record<string, string> {
  const output = (progress.outputs.at(-1)?.text ?? '').replace(OUTPUT_HEAD, '').trimEnd();
  return { ...choice.captures, cwd: progress.cwd, prompt, output };
}

function outcomeOf(progress: Progress): Outcome {
  return REFUSAL.test(progress.outputs.at(-1)?.text ?? '') ? 'refused' : 'done';
}

function noBlock(scenario: Scenario, trigger: 'says' | 'steered'): string {
  const cure = trigger === 'says' ? 'otherwise' : 'otherwise when steered';
  return `No block of ${scenario.name} fits this message: add one, or \`${cure}\`.`;
}

const plain = (text: string, line: number): Cue => ({ step: { kind: 'say', text, line }, values: {} });
