// The state of one thread: `state = reduce(state, event)`, idempotent by
// (epoch, seq). Live turns come from the journal's stream, older ones from
// Codex (history.ts joins them). Pure: no clock, no network, no screen.
import { appended, appendedAt, blankItem, fileChanges, itemFrom, tail } from './items.ts';
import type { Item } from './items.ts';
import { num, obj, str, strings } from './read.ts';
import type { Fields } from './read.ts';
import {
  closed,
  emptyTurn,
  errorText,
  findItem,
  madeWhole,
  withDiff,
  withHead,
  withHole,
  withItem,
  withNote,
  withPlan,
} from './turns.ts';
import type { Turn } from './turns.ts';

/** Live turns kept; older ones are Codex's to tell again. */
export const LIVE_TURNS_MAX = 50;

export type ThreadEvent =
  | { kind: 'reset'; epoch: string }
  | { kind: 'message'; epoch: string; seq: number; message: Fields };

export interface Tokens {
  used: number;
  window: number | undefined;
}

export interface ThreadState {
  id: string;
  epoch: string;
  /** The last event taken in this epoch. */
  seq: number;
  name: string;
  cwd: string;
  model: string;
  effort: string;
  /** Codex's status type; empty while nothing has told it. */
  status: string;
  flags: readonly string[];
  tokens: Tokens | undefined;
  live: readonly Turn[];
  history: readonly Turn[];
}

export function emptyThread(id: string): ThreadState {
  return {
    id,
    epoch: '',
    seq: -1,
    name: '',
    cwd: '',
    model: '',
    effort: '',
    status: '',
    flags: [],
    tokens: undefined,
    live: [],
    history: [],
  };
}

export function reduceThread(state: ThreadState, event: ThreadEvent): ThreadState {
  if (event.kind === 'reset') return { ...state, epoch: event.epoch, seq: -1, live: [] };
  if (event.epoch !== state.epoch || event.seq <= state.seq) return state;
  return {
    ...applied(state, str(event.message['method']), obj(event.message['params']), event),
    seq: event.seq,
  };
}

type Message = Extract<ThreadEvent, { kind: 'message' }>;

function applied(state: ThreadState, method: string, params: Fields, event: Message): ThreadState {
  const thread = str(params['threadId']) || str(obj(params['thread'])['id']);
  if (thread !== state.id) return state;
  if (method.startsWith('thread/')) return threadEvent(state, method, params);
  if (method === 'model/rerouted') return rerouted(state, params, event);
  const turn = turnOf(state, params);
  if (!turn) return state;
  const next = turnEvent(turn, method, params, event);
  return next === turn ? state : withTurn(state, next);
}

function threadEvent(state: ThreadState, method: string, params: Fields): ThreadState {
  switch (method) {
    case 'thread/started':
      return withThread(state, obj(params['thread']));
    case 'thread/status/changed':
      return withStatus(state, params['status']);
    case 'thread/closed':
      return { ...state, status: 'notLoaded', flags: [] };
    case 'thread/name/updated':
      return { ...state, name: str(params['threadName']) };
    case 'thread/tokenUsage/updated': {
      const usage = obj(params['tokenUsage']);
      return {
        ...state,
        tokens: {
          used: num(obj(usage['last'])['totalTokens']) ?? 0,
          window: num(usage['modelContextWindow']),
        },
      };
    }
    case 'thread/settings/updated': {
      const settings = obj(params['threadSettings']);
      return {
        ...state,
        model: str(settings['model']) || state.model,
        effort: str(settings['effort']) || state.effort,
        cwd: str(settings['cwd']) || state.cwd,
      };
    }
    default:
      return state;
  }
}

/** What Codex says of a thread as a whole: on start, on resume and in lists. */
export function withThread(state: ThreadState, thread: Fields): ThreadState {
  return withStatus(
    {
      ...state,
      name: str(thread['name']) || state.name || str(thread['preview']).slice(0, 200),
      cwd: str(thread['cwd']) || state.cwd,
      model: str(thread['model']) || state.model,
      effort: str(thread['reasoningEffort']) || state.effort,
    },
    thread['status'],
  );
}

function withStatus(state: ThreadState, status: unknown): ThreadState {
  const type = str(obj(status)['type']);
  return type ? { ...state, status: type, flags: strings(obj(status)['activeFlags']) } : state;
}

function turnOf(state: ThreadState, params: Fields): Turn | undefined {
  const id = str(params['turnId']) || str(obj(params['turn'])['id']);
  return id ? (state.live.findLast((turn) => turn.id === id) ?? emptyTurn(id)) : undefined;
}

function withTurn(state: ThreadState, turn: Turn): ThreadState {
  const at = state.live.findLastIndex((known) => known.id === turn.id);
  if (at < 0) return { ...state, live: [...state.live, turn].slice(-LIVE_TURNS_MAX) };
  const live = state.live.slice();
  live[at] = turn;
  return { ...state, live };
}

function turnEvent(turn: Turn, method: string, params: Fields, event: Message): Turn {
  switch (method) {
    case 'turn/started':
      return { ...withHead(turn, obj(params['turn'])), whole: true };
    case 'turn/completed':
      return closed(withHead(turn, obj(params['turn'])));
    case 'zane/hole':
      return withHole(turn, `${event.epoch}:${event.seq}`);
    case 'zane/whole':
      return madeWhole(turn, strings(params['itemIds']));
    case 'turn/plan/updated':
      return withPlan(turn, params);
    case 'turn/diff/updated':
      return withDiff(turn, str(params['diff']));
    case 'error':
      return withNote(
        turn,
        `${event.epoch}:${event.seq}`,
        params['willRetry'] === true
          ? `${errorText(params['error'])} (Codex tries again)`
          : errorText(params['error']),
      );
    case 'item/started':
      return started(turn, params);
    case 'item/completed': {
      const item = itemFrom(params['item'], true);
      return item ? withItem(turn, keepLonger(findItem(turn, item.id), item)) : turn;
    }
    default:
      return method.startsWith('item/') ? delta(turn, method, params, event) : turn;
  }
}

/** A start that arrives after deltas (it cannot) or twice never takes away what is already there. */
function started(turn: Turn, params: Fields): Turn {
  const item = itemFrom(params['item'], false, num(params['startedAtMs']));
  return item && !findItem(turn, item.id) ? withItem(turn, item) : turn;
}

/** A completed command may come without its output when the output was only streamed. */
function keepLonger(before: Item | undefined, after: Item): Item {
  if (after.type === 'command' && before?.type === 'command')
    return {
      ...after,
      output: after.output || before.output,
      cut: after.output ? after.cut : before.cut,
      startedAtMs: before.startedAtMs,
    };
  return after;
}

const DELTA_TYPES = {
  'item/agentMessage/delta': 'agent',
  'item/plan/delta': 'plan',
  'item/reasoning/summaryTextDelta': 'reasoning',
  'item/reasoning/summaryPartAdded': 'reasoning',
  'item/reasoning/textDelta': 'reasoning',
  'item/commandExecution/outputDelta': 'command',
  'item/fileChange/outputDelta': 'change',
  'item/fileChange/patchUpdated': 'change',
  'item/mcpToolCall/progress': 'tool',
} as const;

function delta(turn: Turn, method: string, params: Fields, event: Message): Turn {
  const type = DELTA_TYPES[method as keyof typeof DELTA_TYPES];
  const id = str(params['itemId']);
  if (!type || !id) return turn;
  const item = findItem(turn, id) ?? blankItem(id, type);
  return item.done || item.type !== type ? turn : withItem(turn, grown(item, method, params, event));
}

function grown(item: Item, method: string, params: Fields, event: Message): Item {
  const text = str(params['delta']);
  switch (item.type) {
    case 'agent':
      return {
        ...item,
        text: appended(item.text, text),
        emittedAtMs: num(event.message['emittedAtMs']) ?? 0,
      };
    case 'plan':
      return { ...item, text: appended(item.text, text) };
    case 'reasoning':
      if (method === 'item/reasoning/textDelta')
        return { ...item, content: appendedAt(item.content, num(params['contentIndex']) ?? 0, text) };
      return { ...item, summary: appendedAt(item.summary, num(params['summaryIndex']) ?? 0, text) };
    case 'command': {
      const { output, cut } = tail(item.output + text);
      return { ...item, output, cut: item.cut || cut };
    }
    case 'change':
      if (method === 'item/fileChange/patchUpdated')
        return { ...item, ...fileChanges(params['changes'], 'bounded') };
      return { ...item, output: tail(item.output + text).output };
    case 'tool':
      return { ...item, progress: str(params['message']).slice(0, 2000) };
    default:
      return item;
  }
}

function rerouted(state: ThreadState, params: Fields, event: Message): ThreadState {
  const turn = turnOf(state, params);
  const to = str(params['toModel']);
  if (!turn) return { ...state, model: to || state.model };
  return {
    ...withTurn(
      state,
      withNote(
        turn,
        `${event.epoch}:${event.seq}`,
        `model changed from ${str(params['fromModel'])} to ${to}`,
      ),
    ),
    model: to || state.model,
  };
}
