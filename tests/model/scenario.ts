// Reads a scenario file: what the scripted model answers to which prompt. Only the
// reading; player.ts plays it. The format is described in tests/scenarios/README.md.
// A bad file is refused as a whole, with the file, the line and the cure.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isTool, parseStep } from './steps.ts';
import type { Step, StepSource } from './steps.ts';
import { BUILT_IN_VARIABLES, compilePattern, matchPattern, variablesOf } from './template.ts';
import type { Pattern } from './template.ts';

const SCENARIO_CHARS_MAX = 4_000_000;

/** `pattern` is undefined in an `otherwise` block. */
export interface Block {
  trigger: 'says' | 'steered';
  pattern?: Pattern;
  steps: Step[];
  line: number;
}

export interface Scenario {
  name: string;
  blocks: Block[];
}
export interface Choice {
  block: Block;
  captures: Record<string, string>;
}

export function readScenario(path: string): Scenario {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the scenario \`${path}\`: ${(error as Error).message}`);
  }
  return parseScenario(text, path);
}

export function parseScenario(text: string, file = 'scenario'): Scenario {
  if (text.length > SCENARIO_CHARS_MAX)
    throw new Error(`${file}: longer than ${SCENARIO_CHARS_MAX} characters: split it`);
  const blocks: Block[] = [];
  let source: StepSource | undefined;
  const at = <T>(line: number, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw new Error(`${file}:${line}: ${(error as Error).message}`);
    }
  };
  const finishStep = (): void => {
    const pending = source;
    const block = blocks.at(-1);
    source = undefined;
    if (pending && block) at(pending.line, () => addStep(block, parseStep(pending)));
  };
  text.split(/\r?\n/).forEach((raw, index) =>
    at(index + 1, () => {
      const words = raw.trim();
      const line = index + 1;
      if (words.startsWith('|')) {
        if (!source) throw new Error('a `|` line belongs below a step: write `say:` or another step first');
        source.body.push(words.slice(words.startsWith('| ') ? 2 : 1));
      } else if (words === '' || words.startsWith('#')) {
        return;
      } else if (raw === raw.trimStart()) {
        finishStep();
        blocks.push(parseHead(words, line));
      } else {
        finishStep();
        if (blocks.length === 0)
          throw new Error('a step before the first block: open one with `when the user says "…"`');
        source = { text: words, body: [], line };
      }
    }),
  );
  finishStep();
  checkBlocks(blocks, file);
  return { name: basename(file), blocks };
}

/** The first block in the file's order that fits. */
export function choose(scenario: Scenario, trigger: Block['trigger'], message: string): Choice | undefined {
  for (const block of scenario.blocks) {
    if (block.trigger !== trigger) continue;
    const captures = block.pattern ? matchPattern(block.pattern, message) : {};
    if (captures) return { block, captures };
  }
  return undefined;
}

function parseHead(words: string, line: number): Block {
  if (words === 'otherwise') return { trigger: 'says', steps: [], line };
  if (words === 'otherwise when steered') return { trigger: 'steered', steps: [], line };
  const match = /^when (the user says|steered) "(.*)"$/.exec(words);
  if (!match) {
    throw new Error(
      'a block opens with `when the user says "…"`, `when steered "…"`, `otherwise` or `otherwise when steered`; steps are indented',
    );
  }
  return {
    trigger: match[1] === 'steered' ? 'steered' : 'says',
    pattern: compilePattern(match[2] ?? ''),
    steps: [],
    line,
  };
}

function addStep(block: Block, step: Step): void {
  const previous = block.steps.at(-1);
  if (isTool(step) && step.together && !(previous && isTool(previous)))
    throw new Error('`and` needs a tool call right before it');
  const known = [...BUILT_IN_VARIABLES, ...(block.pattern?.captures ?? [])];
  const unknown = variablesOf(JSON.stringify(step)).find((name) => !known.includes(name));
  if (unknown)
    throw new Error(
      `\`{{${unknown}}}\` is not known here: use ${known.map((name) => `{{${name}}}`).join(', ')}`,
    );
  block.steps.push(step);
}

function checkBlocks(blocks: Block[], file: string): void {
  if (blocks.length === 0)
    throw new Error(`${file}:1: no block: add \`otherwise\` with an indented \`say …\` below`);
  blocks.forEach((block, index) => {
    if (block.steps.length === 0)
      throw new Error(`${file}:${block.line}: the block has no step: indent one below, such as \`say …\``);
    const hidden = !block.pattern && blocks.slice(index + 1).find((later) => later.trigger === block.trigger);
    if (hidden)
      throw new Error(
        `${file}:${hidden.line}: never reached, \`otherwise\` on line ${block.line} takes all: move that to the end`,
      );
  });
}
