// Codex's thread items in the shape the screen needs: one tagged union, bounded,
// built from a raw item or from the first delta of one never seen. Not for the
// order of items in a turn (turns.ts).
import { arr, num, obj, pretty, str, strings } from './read.ts';
import type { Fields } from './read.ts';

/** Of a command's output the phone keeps the end; the Mac has all of it. */
export const OUTPUT_CHARS_MAX = 64 * 1024;
/** Far beyond what a person reads in one message; a bound on what a thread can make the phone hold. */
export const TEXT_CHARS_MAX = 512 * 1024;
const CHANGES_MAX = 200;
const DIFF_CHARS_MAX = 256 * 1024;

export interface FileChange {
  path: string;
  kind: string;
  movedTo: string;
  diff: string;
  /** Characters of the diff that are not kept here. */
  cut: number;
}

interface Common {
  id: string;
  /** `item/completed` was seen, or it came from history: deltas no longer change it. */
  done: boolean;
  /** Made from a delta without its start: the beginning may be missing. */
  partial: boolean;
  /** Its turn has ended and its own end was never seen: a steer or a stop cuts off what is being said, and Codex does not keep it. */
  cutOff: boolean;
}

export type Item = Common &
  (
    | { type: 'user'; text: string; clientId: string; attachments: number }
    | { type: 'agent'; text: string; phase: string; emittedAtMs: number }
    | { type: 'reasoning'; summary: readonly string[]; content: readonly string[] }
    | {
        type: 'command';
        command: string;
        cwd: string;
        status: string;
        output: string;
        cut: boolean;
        exitCode: number | undefined;
        durationMs: number | undefined;
        startedAtMs: number | undefined;
      }
    | ({ type: 'change'; status: string; output: string } & FileChanges)
    | { type: 'plan'; text: string }
    | { type: 'tool'; title: string; status: string; detail: string; progress: string }
    | { type: 'other'; title: string; detail: string }
  );

export type ItemType = Item['type'];

function clip(text: string): string {
  return text.length > TEXT_CHARS_MAX ? text.slice(0, TEXT_CHARS_MAX) : text;
}

export function tail(text: string): { output: string; cut: boolean } {
  if (text.length <= OUTPUT_CHARS_MAX) return { output: text, cut: false };
  return { output: text.slice(-OUTPUT_CHARS_MAX), cut: true };
}

export interface FileChanges {
  changes: readonly FileChange[];
  /** Files that are not kept here. */
  more: number;
}

/** `whole`: of what is judged nothing is left out. Else as much as a phone keeps of a thread. */
export function fileChanges(value: unknown, keep: 'whole' | 'bounded'): FileChanges {
  const all = arr(value);
  const files = keep === 'whole' ? all.length : CHANGES_MAX;
  const characters = keep === 'whole' ? Number.MAX_SAFE_INTEGER : DIFF_CHARS_MAX;
  return {
    more: Math.max(0, all.length - files),
    changes: all.slice(0, files).map((entry): FileChange => {
      const change = obj(entry);
      const kind = obj(change['kind']);
      return {
        path: str(change['path']),
        kind: str(kind['type']),
        movedTo: str(kind['move_path']),
        diff: str(change['diff']).slice(0, characters),
        cut: Math.max(0, str(change['diff']).length - characters),
      };
    }),
  };
}

/** Codex's item, or undefined when it has no id: then it is no item. */
export function itemFrom(raw: unknown, done: boolean, atMs?: number): Item | undefined {
  const fields = obj(raw);
  const id = str(fields['id']);
  if (!id) return undefined;
  const common = { id, done, partial: false, cutOff: false };
  switch (fields['type']) {
    case 'userMessage':
      return {
        ...common,
        done: true,
        type: 'user',
        clientId: str(fields['clientId']),
        ...userContent(fields['content']),
      };
    case 'agentMessage':
      return {
        ...common,
        type: 'agent',
        text: clip(str(fields['text'])),
        phase: str(fields['phase']),
        emittedAtMs: 0,
      };
    case 'reasoning':
      return {
        ...common,
        type: 'reasoning',
        summary: strings(fields['summary']).map(clip),
        content: strings(fields['content']).map(clip),
      };
    case 'commandExecution':
      return { ...common, type: 'command', ...commandFields(fields, atMs) };
    case 'fileChange':
      return {
        ...common,
        type: 'change',
        ...fileChanges(fields['changes'], 'bounded'),
        status: str(fields['status']),
        output: '',
      };
    case 'plan':
      return { ...common, type: 'plan', text: clip(str(fields['text'])) };
    case 'mcpToolCall':
    case 'dynamicToolCall':
    case 'collabAgentToolCall':
      return {
        ...common,
        type: 'tool',
        title: toolTitle(fields),
        status: str(fields['status']),
        detail: pretty(toolDetail(fields)),
        progress: '',
      };
    default:
      return { ...common, type: 'other', title: otherTitle(fields), detail: pretty(withoutId(fields)) };
  }
}

function userContent(value: unknown): { text: string; attachments: number } {
  const parts = arr(value).map(obj);
  const text = parts
    .filter((part) => part['type'] === 'text')
    .map((part) => str(part['text']))
    .join('\n');
  return { text: clip(text), attachments: parts.filter((part) => part['type'] !== 'text').length };
}

function commandFields(fields: Fields, atMs: number | undefined) {
  return {
    command: str(fields['command']),
    cwd: str(fields['cwd']),
    status: str(fields['status']),
    ...tail(str(fields['aggregatedOutput'])),
    exitCode: num(fields['exitCode']),
    durationMs: num(fields['durationMs']),
    startedAtMs: atMs,
  };
}

function toolTitle(fields: Fields): string {
  const where = str(fields['server']) || str(fields['namespace']);
  const tool = str(fields['tool']) || 'tool';
  return where ? `${where} · ${tool}` : tool;
}

function toolDetail(fields: Fields): Fields {
  const out: Fields = {};
  for (const key of ['arguments', 'prompt', 'result', 'contentItems', 'error'])
    if (fields[key] !== undefined && fields[key] !== null) out[key] = fields[key];
  return out;
}

const OTHER_TITLES: Readonly<Record<string, string>> = {
  webSearch: 'Web search',
  imageView: 'Looked at an image',
  imageGeneration: 'Made an image',
  contextCompaction: 'Context compacted',
  enteredReviewMode: 'Review started',
  exitedReviewMode: 'Review finished',
  sleep: 'Waited',
  hookPrompt: 'Hook',
  functionCallOutput: 'Tool output',
  subAgentActivity: 'Sub-agent',
};

function otherTitle(fields: Fields): string {
  const type = str(fields['type']);
  const title = OTHER_TITLES[type] ?? (type || 'Item');
  const about = str(fields['query']) || str(fields['path']);
  return about ? `${title}: ${about.slice(0, 200)}` : title;
}

function withoutId(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== 'id' && key !== 'type'));
}

/** An item known only by its delta, so that nothing said is thrown away. */
export function blankItem(
  id: string,
  type: 'agent' | 'reasoning' | 'command' | 'change' | 'plan' | 'tool',
): Item {
  const item = itemFrom(
    {
      id,
      type: {
        agent: 'agentMessage',
        reasoning: 'reasoning',
        command: 'commandExecution',
        change: 'fileChange',
        plan: 'plan',
        tool: 'mcpToolCall',
      }[type],
    },
    false,
  );
  return { ...(item as Item), partial: true };
}

/** `text` with `delta` behind it, within the bound. */
export function appended(text: string, delta: string): string {
  return text.length >= TEXT_CHARS_MAX ? text : clip(text + delta);
}

/** The list with `delta` behind its entry at `index`; holes are filled, wild indexes ignored. */
export function appendedAt(list: readonly string[], index: number, delta: string): readonly string[] {
  if (!Number.isInteger(index) || index < 0 || index > 1000) return list;
  const out = [...list];
  while (out.length <= index) out.push('');
  out[index] = appended(out[index] ?? '', delta);
  return out;
}
