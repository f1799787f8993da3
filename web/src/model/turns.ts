// One turn: its items in order, its plan, its end. Pure; unchanged parts keep
// their identity so that the screen repaints only what changed. Not for where
// the events come from (thread.ts) nor for drawing.
import { itemFrom } from './items.ts';
import type { Item } from './items.ts';
import { arr, num, obj, str } from './read.ts';
import type { Fields } from './read.ts';

/** A turn longer than this shows its end; the Mac has all of it. */
export const TURN_ITEMS_MAX = 1_000;
const NOTES_MAX = 50;
export const TOO_HEAVY_ID = 'too heavy';
const TOO_HEAVY = 'Not all of this turn can be carried to this phone: the rest is on your Mac.';
const LET_GO = 'Codex keeps nothing of a message that was interrupted.';
const DIFF_CHARS_MAX = 512 * 1024;

export interface PlanStep {
  step: string;
  status: string;
}

export interface Turn {
  id: string;
  /** Codex's word: inProgress, completed, interrupted, failed. */
  status: string;
  startedAtMs: number | undefined;
  completedAtMs: number | undefined;
  error: string;
  items: readonly Item[];
  /** Items dropped from the front to stay within the bound. */
  dropped: number;
  plan: readonly PlanStep[];
  planWhy: string;
  diff: string;
  notes: readonly { id: string; text: string }[];
  /** The start was seen, or Codex told all of it: nothing is missing. */
  whole: boolean;
}

export function emptyTurn(id: string): Turn {
  return {
    id,
    status: 'inProgress',
    startedAtMs: undefined,
    completedAtMs: undefined,
    error: '',
    items: [],
    dropped: 0,
    plan: [],
    planWhy: '',
    diff: '',
    notes: [],
    whole: false,
  };
}

function errorText(value: unknown): string {
  const error = obj(value);
  return [str(error['message']), str(error['additionalDetails'])].filter(Boolean).join('\n').slice(0, 4000);
}

/** Codex gives seconds. */
function fromSeconds(value: unknown): number | undefined {
  const seconds = num(value);
  return seconds === undefined ? undefined : seconds * 1000;
}

/** A turn as `thread/turns/list` tells it. */
export function turnFrom(raw: unknown): Turn | undefined {
  const fields = obj(raw);
  const id = str(fields['id']);
  if (!id) return undefined;
  const items = arr(fields['items'])
    .map((item) => itemFrom(item, true))
    .filter((item): item is Item => item !== undefined);
  const known = withNote(
    withHead(emptyTurn(id), fields),
    'let go',
    fields['status'] === 'interrupted' ? LET_GO : '',
  );
  const partly = fields['itemsView'] === 'partial' ? TOO_HEAVY : '';
  const turn = withNote(known, TOO_HEAVY_ID, partly);
  return bounded({
    ...turn,
    items,
    whole: fields['itemsView'] === undefined || fields['itemsView'] === 'full',
  });
}

/** The turn's own fields, as `turn/started` and `turn/completed` carry them. */
export function withHead(turn: Turn, fields: Fields): Turn {
  return {
    ...turn,
    status: str(fields['status']) || turn.status,
    startedAtMs: fromSeconds(fields['startedAt']) ?? turn.startedAtMs,
    completedAtMs: fromSeconds(fields['completedAt']) ?? turn.completedAtMs,
    error: errorText(fields['error']) || turn.error,
  };
}

/** Puts an item where its id stands, or at the end. */
export function withItem(turn: Turn, item: Item): Turn {
  const at = turn.items.findLastIndex((known) => known.id === item.id);
  if (at < 0) return bounded({ ...turn, items: [...turn.items, item] });
  const items = turn.items.slice();
  items[at] = item;
  return { ...turn, items };
}

export function findItem(turn: Turn, id: string): Item | undefined {
  return turn.items.findLast((item) => item.id === id);
}

function bounded(turn: Turn): Turn {
  const over = turn.items.length - TURN_ITEMS_MAX;
  return over <= 0 ? turn : { ...turn, items: turn.items.slice(over), dropped: turn.dropped + over };
}

export function withPlan(turn: Turn, params: Fields): Turn {
  const plan = arr(params['plan'])
    .slice(0, 100)
    .map((entry) => ({ step: str(obj(entry)['step']), status: str(obj(entry)['status']) }));
  return { ...turn, plan, planWhy: str(params['explanation']).slice(0, 4000) };
}

export function withDiff(turn: Turn, diff: string): Turn {
  return { ...turn, diff: diff.slice(0, DIFF_CHARS_MAX) };
}

export function withNote(turn: Turn, id: string, text: string): Turn {
  if (!text || turn.notes.some((note) => note.id === id)) return turn;
  return { ...turn, notes: [...turn.notes, { id, text: text.slice(0, 4000) }].slice(-NOTES_MAX) };
}

const HOLE = 'hole ';

/** The Mac lost sight of Codex in this turn: what was being said then has a part missing. */
export function withHole(turn: Turn, id: string): Turn {
  const items = turn.items.map((item) => (item.done ? item : { ...item, partial: true }));
  return withNote(
    { ...turn, items, whole: false },
    HOLE + id,
    'Your Mac lost sight of Codex for a moment here. What was missed is being fetched.',
  );
}

/** Of an ended turn, and not among what Codex keeps of it. */
export function letGo(item: Item): Item {
  return item.done && !item.partial ? item : { ...item, done: true, cutOff: true };
}

/**
 * The turn is over, and all that Codex keeps of it has been had, in this order. What is not named Codex
 * has let go of: it stays behind what it came after, and is cut off where its end was not seen.
 */
export function madeWhole(turn: Turn, order: readonly string[]): Turn {
  const known = new Map(turn.items.map((item) => [item.id, item]));
  const named = order.map((id) => known.get(id)).filter((item): item is Item => item !== undefined);
  const ids = new Set(order);
  const items = interleaved(
    named,
    turn.items.map((item) => (ids.has(item.id) ? item : letGo(item))),
  );
  return { ...turn, items, whole: true, notes: turn.notes.filter((note) => !note.id.startsWith(HOLE)) };
}

/** `ordered` as it stands, and each other one of `seen` behind the one it came after there. */
export function interleaved(ordered: readonly Item[], seen: readonly Item[]): Item[] {
  const ids = new Set(ordered.map((item) => item.id));
  const behind = new Map<string, Item[]>();
  let last = '';
  for (const item of seen) {
    if (ids.has(item.id)) last = item.id;
    else behind.set(last, [...(behind.get(last) ?? []), item]);
  }
  return [...(behind.get('') ?? []), ...ordered.flatMap((item) => [item, ...(behind.get(item.id) ?? [])])];
}

/** Ends what was still open when the turn ended: nothing spins for ever, and nothing reads as if it were all. */
export function closed(turn: Turn): Turn {
  if (turn.items.every((item) => item.done)) return turn;
  // Of what has a hole the rest may only have been missed.
  return {
    ...turn,
    items: turn.items.map((item) => (item.done ? item : { ...item, done: true, cutOff: !item.partial })),
  };
}

export { errorText };
