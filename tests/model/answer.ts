// Decides which steps answer one request: pure, from the scenario and the request's
// progress. Not for putting them on the wire: see player.ts.
import type { Progress } from './progress.ts';
import { choose } from './scenario.ts';
import type { Choice, Scenario } from './scenario.ts';
import { isTool } from './steps.ts';
import type { Outcome, Step } from './steps.ts';
import { outcomeOf, readable } from './tool-output.ts';

/** A step with the values its text may use. */
export interface Cue {
  step: Step;
  values: Record<string, string>;
}

export interface Answer {
  cues: Cue[];
  /** The line of the block that answers the prompt, for the log of requests; 0 without one. */
  line: number;
}

export function answerFor(scenario: Scenario, progress: Progress): Answer {
  if (progress.kind !== 'turn') return { cues: [plain('A scripted model has nothing to add.')], line: 0 };
  const main = choose(scenario, 'says', progress.prompt);
  const script = new Script(main ? cuesOf(main, progress.prompt) : [plain(noBlock(scenario, 'says'))]);
  for (const event of progress.events) {
    if (event.kind === 'steer') script.steer(steerCues(scenario, event.text));
    else if (event.kind === 'output') script.outcome = outcomeOf(event.text);
    else script.played(event.kind);
  }
  const present = { cwd: progress.cwd, output: readable(progress.outputs.at(-1)?.text ?? '') };
  const cues = script.next().map(({ step, values }) => ({ step, values: { ...values, ...present } }));
  return { cues, line: main?.block.line ?? 0 };
}

/**
 * What is left of a turn's script. It is rebuilt for each request by going through what
 * Codex recorded: each item of the model ticks off the next step that makes such an item.
 * So a step that a steering message cut off, which Codex does not record, is played again.
 */
class Script {
  outcome: Outcome = 'done';
  #steered: Cue[] = [];
  #main: Cue[];

  constructor(main: Cue[]) {
    this.#main = main;
  }

  /** The answer to a steering message comes before what was left to do. */
  steer(cues: Cue[]): void {
    this.#steered.push(...cues);
  }

  played(kind: 'message' | 'reasoning' | 'call'): void {
    const done =
      [...this.#steered, ...this.#main].findIndex(({ step }) => makes(step) === kind && this.#isMeant(step)) +
      1;
    this.#main = this.#main.slice(Math.max(0, done - this.#steered.length));
    this.#steered = this.#steered.slice(done);
  }

  /** Up to and with the next tool call and those that go together with it. */
  next(): Cue[] {
    const left = [...this.#steered, ...this.#main];
    const tool = left.findIndex(({ step }) => isTool(step));
    const after = left.findIndex(
      ({ step }, index) => tool >= 0 && index > tool && !(isTool(step) && step.together),
    );
    return (after < 0 ? left : left.slice(0, after)).filter(({ step }) => this.#isMeant(step));
  }

  #isMeant(step: Step): boolean {
    return !('only' in step) || step.only === this.outcome;
  }
}

/** Which item Codex records for a step, if any. */
function makes(step: Step): 'message' | 'reasoning' | 'call' | undefined {
  if (isTool(step)) return 'call';
  switch (step.kind) {
    case 'say':
    case 'flood':
      return 'message';
    case 'think':
      return 'reasoning';
    case 'wait':
    case 'fail':
      return undefined;
  }
}

function cuesOf(choice: Choice, prompt: string): Cue[] {
  return choice.block.steps.map((step) => ({ step, values: { ...choice.captures, prompt } }));
}

function steerCues(scenario: Scenario, message: string): Cue[] {
  const choice = choose(scenario, 'steered', message);
  return choice ? cuesOf(choice, message) : [plain(noBlock(scenario, 'steered'))];
}

function noBlock(scenario: Scenario, trigger: 'says' | 'steered'): string {
  const cure = trigger === 'says' ? 'otherwise' : 'otherwise when steered';
  return `No block of ${scenario.name} fits this message: add one, or \`${cure}\`.`;
}

const plain = (text: string): Cue => ({ step: { kind: 'say', text, line: 0 }, values: {} });
