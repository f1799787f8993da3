// Joins the turns that Codex tells (`thread/turns/list`) with those of the live
// stream. A turn whose start was seen live wins, unless its end was missed; one
// seen only in part takes what is missing from history. Pure.
import type { Item } from './items.ts';
import { arr, obj, str } from './read.ts';
import type { ThreadState } from './thread.ts';
import { closed, interleaved, letGo, TOO_HEAVY_ID, turnFrom } from './turns.ts';
import type { Turn } from './turns.ts';

/** Turns of history kept on the phone, whatever the thread holds. */
export const HISTORY_TURNS_MAX = 400;

export interface HistoryPage {
  /** Oldest first. */
  turns: readonly Turn[];
  /** Codex's cursor to the turns before these; empty at the beginning. */
  older: string;
}

/** A page as asked for newest first. */
export function readPage(result: unknown): HistoryPage {
  const fields = obj(result);
  const turns = arr(fields['data'])
    .map(turnFrom)
    .filter((turn): turn is Turn => turn !== undefined);
  return { turns: turns.reverse(), older: str(fields['nextCursor']) };
}

export function withHistory(state: ThreadState, page: HistoryPage, where: 'newest' | 'older'): ThreadState {
  const fresh = new Set(page.turns.map((turn) => turn.id));
  const kept = state.history.filter((turn) => !fresh.has(turn.id));
  // The newest page replaces what it overlaps; should it not reach what is held, the old part is void.
  const overlaps = kept.length < state.history.length;
  const history =
    where === 'older' ? [...page.turns, ...kept] : overlaps ? [...kept, ...page.turns] : page.turns;
  return {
    ...state,
    history: where === 'older' ? history.slice(0, HISTORY_TURNS_MAX) : history.slice(-HISTORY_TURNS_MAX),
  };
}

/** Every turn, oldest first, each once. */
export function allTurns(state: ThreadState): readonly Turn[] {
  const live = new Map(state.live.map((turn) => [turn.id, turn]));
  const before: Turn[] = [];
  const told = new Map<string, Turn>();
  for (const turn of state.history) {
    if (live.has(turn.id)) told.set(turn.id, turn);
    else before.push(turn);
  }
  return [...before, ...state.live.map((turn) => joined(turn, told.get(turn.id)))];
}

function joined(live: Turn, told: Turn | undefined): Turn {
  // Ended is final: then the stream has missed the end, and Codex's word counts for all of it.
  const missedEnd = told !== undefined && live.status === 'inProgress' && told.status !== 'inProgress';
  if (!told || (live.whole && !missedEnd)) return live;
  const known = new Map(live.items.map((item) => [item.id, item]));
  const items = told.items.map((item) => (missedEnd ? item : better(item, known.get(item.id))));
  const ids = new Set(told.items.map((item) => item.id));
  const status = live.status === 'inProgress' ? told.status : live.status;
  const isAll = told.whole && told.dropped === 0 && told.status !== 'inProgress';
  // What came after all that Codex told is newer than its word.
  const newer = live.items.findLastIndex((item) => ids.has(item.id)) + 1;
  const seen = live.items.map((item) => (isAll && !ids.has(item.id) ? letGo(item) : item));
  const turn = {
    ...told,
    ...live,
    // Of what could not come from Codex the live stream says nothing.
    notes: [...told.notes.filter(({ id }) => id === TOO_HEAVY_ID), ...live.notes],
    status,
    startedAtMs: live.startedAtMs ?? told.startedAtMs,
    items: [...interleaved(items, seen.slice(0, newer)), ...seen.slice(newer)],
  };
  return status === 'inProgress' ? turn : closed(turn);
}

function better(told: Item, live: Item | undefined): Item {
  return live && !live.partial && !live.cutOff ? live : told;
}
