// Reads where a turn stands from one request alone: which message opened the turn, and
// what came after it, step by step. Nothing is kept between requests, so a restart
// of Codex or of this server changes nothing. Not for choosing the answer: answer.ts.

/** Longer texts are cut in what is kept: enough for a test to compare, never a whole flood. */
const TEXT_CHARS_MAX = 100_000;

export interface ToolOutput {
  callId: string;
  text: string;
}

/** What Codex recorded since the message that opened the turn, oldest first. */
export type TurnEvent =
  | { kind: 'steer'; text: string }
  | { kind: 'output'; text: string; callId: string }
  | { kind: 'message' | 'reasoning' | 'call' };

export interface Progress {
  model: string;
  /** The reasoning effort that Codex asks for. */
  effort: string;
  /** `turn`, or what else Codex wants from a model: a summary, a title. */
  kind: string;
  thread: string;
  turn: string;
  cwd: string;
  /** The message that opened this turn. */
  prompt: string;
  /** Messages that came in mid-turn, oldest first. */
  steers: string[];
  /** The tools Codex offers, by name or type. */
  tools: string[];
  /** Answered tool calls of this turn, oldest first. */
  outputs: ToolOutput[];
  events: TurnEvent[];
}

type Json = Record<string, unknown>;

/** `body` comes from outside: anything missing reads as empty. */
export function readProgress(body: unknown): Progress {
  const request = record(body);
  const metadata = record(request['client_metadata']);
  const details = parsed(metadata['x-codex-turn-metadata']);
  const items = list(request['input']).map(record);
  const turn = string(metadata['turn_id']);
  const opener = openerIndex(items, turn);
  const events = items.slice(opener + 1).flatMap(readEvent);
  return {
    model: string(request['model']),
    effort: string(record(request['reasoning'])['effort']),
    kind: string(details['request_kind']) || 'turn',
    thread: string(metadata['thread_id']),
    turn,
    cwd: cwdOf(items),
    prompt: textOf(items[opener] ?? {}),
    tools: list(request['tools'])
      .map(record)
      .map((tool) => string(tool['name']) || string(tool['type'])),
    outputs: events.flatMap((event) =>
      event.kind === 'output' ? [{ callId: event.callId, text: event.text }] : [],
    ),
    steers: events.flatMap((event) => (event.kind === 'steer' ? [event.text] : [])),
    events,
  };
}

function readEvent(item: Json): TurnEvent[] {
  const type = string(item['type']);
  if (isPrompt(item)) return [{ kind: 'steer', text: textOf(item) }];
  if (type.endsWith('_call_output'))
    return [{ kind: 'output', callId: string(item['call_id']), text: outputText(item) }];
  if (type.endsWith('_call')) return [{ kind: 'call' }];
  if (type === 'reasoning') return [{ kind: 'reasoning' }];
  if (type === 'message' && item['role'] === 'assistant') return [{ kind: 'message' }];
  return [];
}

/**
 * The first of the person's messages that is not older than the turn: both ids are UUIDs
 * of version 7, which begin with the time. Without such ids: the last message.
 */
function openerIndex(items: Json[], turn: string): number {
  const first = items.findIndex((item) => isPrompt(item) && isOfTurn(string(item['id']), turn));
  return first >= 0 ? first : items.findLastIndex(isPrompt);
}

function isOfTurn(id: string, turn: string): boolean {
  return turn !== '' && /^msg_[0-9a-f]{8}-[0-9a-f]{4}-7/.test(id) && id.slice('msg_'.length) >= turn;
}

/** Codex tells its surroundings in messages of the same role, each in a tag of its own. */
function isPrompt(item: Json): boolean {
  return (
    item['type'] === 'message' &&
    item['role'] === 'user' &&
    !/^\s*<([a-z_]+)>[^]*<\/\1>\s*$|^# AGENTS\.md instructions/.test(textOf(item))
  );
}

function cwdOf(items: Json[]): string {
  const places = items.map(textOf).filter((text) => text.startsWith('<environment_context>'));
  return /<cwd>([^<]*)<\/cwd>/.exec(places.findLast((text) => text.includes('<cwd>')) ?? '')?.[1] ?? '';
}

function textOf(item: Json): string {
  const parts = list(item['content']).map((part) => string(record(part)['text']));
  return parts.join('\n').slice(0, TEXT_CHARS_MAX);
}

/** A string, or a list of parts. */
function outputText(item: Json): string {
  const output = item['output'];
  const text =
    typeof output === 'string'
      ? output
      : list(output)
          .map((part) => string(record(part)['text']))
          .join('\n');
  return text.slice(0, TEXT_CHARS_MAX);
}

const record = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const string = (value: unknown): string => (typeof value === 'string' ? value : '');

function parsed(value: unknown): Json {
  try {
    return record(JSON.parse(string(value) || '{}'));
  } catch {
    return {};
  }
}
