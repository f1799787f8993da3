// Reads what Codex tells the model about a finished tool call: whether it was refused,
// failed or done, and the part of it that a person would call the output. The words
// are those of Codex 0.169; model.test.ts sees them come from the real one.
import type { Outcome } from './steps.ts';

/** What Codex puts before a command's or a patch's own output. */
const HEAD =
  /^(?:(?:Chunk ID|Exit code|Wall time|Process exited|Process running|Original token count).*\n)+Output:\n/;
const REFUSED =
  /^patch rejected|Rejected\(|^aborted by user|^(?:Wall time: .*\nOutput:\n)?user (?:rejected|cancelled) MCP tool call$/;
const FAILED =
  /^Exit code: [1-9]|^Process exited with code [1-9]|^exec_command failed|^unsupported call|^apply_patch verification failed|is unavailable in/m;

export function outcomeOf(output: string): Outcome {
  if (REFUSED.test(output)) return 'refused';
  const head = HEAD.exec(output)?.[0] ?? output;
  return FAILED.test(head) ? 'failed' : 'done';
}

/** Without the head; the answers to a question as plain words. */
export function readable(output: string): string {
  return answersOf(output) ?? output.replace(HEAD, '').trimEnd();
}

function answersOf(output: string): string | undefined {
  if (!output.startsWith('{"answers":')) return undefined;
  const { answers } = JSON.parse(output) as { answers: Record<string, { answers: string[] }> };
  return Object.values(answers)
    .flatMap((answer) => answer.answers)
    .join(', ');
}
