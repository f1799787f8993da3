// The list level: threads that Codex lists, kept fresh by the journal's list
// stream, and every approval's state. Pure. Idempotent by (epoch, seq) and id.
import { reduceApproval } from './approvals.ts';
import type { Approval, Approvals } from './approvals.ts';
import { arr, num, obj, str, strings } from './read.ts';
import type { Fields } from './read.ts';
import { visibleLine } from './visible.ts';

const TITLE_CHARACTERS_MAX = 200;

export const THREADS_MAX = 3_000;

export interface ThreadRow {
  id: string;
  title: string;
  cwd: string;
  branch: string;
  status: string;
  flags: readonly string[];
  updatedAtMs: number;
  /** Codex's receipt for what was not read yet, to be given back with `thread/readState/update`; '' when all was. */
  unread: string;
}

export type InboxEvent =
  | { kind: 'reset'; epoch: string }
  | { kind: 'message'; epoch: string; seq: number; message: Fields }
  | { kind: 'approval'; epoch: string; seq: number; approval: Approval };

export interface Inbox {
  epoch: string;
  seq: number;
  threads: readonly ThreadRow[];
  approvals: Approvals;
}

export function emptyInbox(): Inbox {
  return { epoch: '', seq: -1, threads: [], approvals: new Map() };
}

export function reduceInbox(state: Inbox, event: InboxEvent): Inbox {
  if (event.kind === 'reset') return { ...state, epoch: event.epoch, seq: -1, approvals: new Map() };
  if (event.epoch !== state.epoch || event.seq <= state.seq) return state;
  const seen = { ...state, seq: event.seq };
  if (event.kind === 'approval')
    return { ...seen, approvals: reduceApproval(state.approvals, event.approval) };
  return {
    ...seen,
    threads: threadsAfter(
      state.threads,
      str(event.message['method']),
      obj(event.message['params']),
      num(event.message['emittedAtMs']),
    ),
  };
}

function threadsAfter(
  rows: readonly ThreadRow[],
  method: string,
  params: Fields,
  atMs: number | undefined,
): readonly ThreadRow[] {
  const id = str(params['threadId']);
  switch (method) {
    case 'thread/started': {
      const row = rowFrom(params['thread']);
      return row ? upsert(rows, row) : rows;
    }
    case 'thread/status/changed': {
      const status = obj(params['status']);
      return patch(rows, id, { status: str(status['type']), flags: strings(status['activeFlags']) }, atMs);
    }
    case 'thread/name/updated':
      return patch(rows, id, { title: visibleLine(str(params['threadName']), TITLE_CHARACTERS_MAX) });
    case 'thread/readState/changed':
      return patch(rows, id, { unread: unreadOf(params['readState']) });
    case 'thread/closed':
      return patch(rows, id, { status: 'notLoaded', flags: [] });
    case 'thread/archived':
    case 'thread/deleted':
      return rows.filter((row) => row.id !== id);
    default:
      return rows;
  }
}

function unreadOf(value: unknown): string {
  const state = obj(value);
  return obj(state['firstUnread'])['type'] ? str(state['revision']) : '';
}

/** A thread as Codex lists it; undefined for what a person cannot open (no id). */
export function rowFrom(value: unknown, readState?: unknown): ThreadRow | undefined {
  const thread = obj(value);
  const id = str(thread['id']);
  if (!id) return undefined;
  const status = obj(thread['status']);
  return {
    id,
    title: visibleLine(str(thread['name']) || str(thread['preview']), TITLE_CHARACTERS_MAX),
    cwd: str(thread['cwd']),
    branch: visibleLine(str(obj(thread['gitInfo'])['branch'])),
    status: str(status['type']),
    flags: strings(status['activeFlags']),
    updatedAtMs:
      (num(thread['recencyAt']) ?? num(thread['updatedAt']) ?? num(thread['createdAt']) ?? 0) * 1000,
    unread: unreadOf(readState),
  };
}

function upsert(rows: readonly ThreadRow[], row: ThreadRow): readonly ThreadRow[] {
  const rest = rows.filter((known) => known.id !== row.id);
  return [row, ...rest].slice(0, THREADS_MAX);
}

function patch(
  rows: readonly ThreadRow[],
  id: string,
  change: Partial<ThreadRow>,
  atMs?: number,
): readonly ThreadRow[] {
  return rows.map((row) =>
    row.id === id ? { ...row, ...change, updatedAtMs: Math.max(row.updatedAtMs, atMs ?? 0) } : row,
  );
}

export function listedRows(result: unknown): ThreadRow[] {
  const states = obj(obj(result)['readStates']);
  return arr(obj(result)['data'])
    .map((thread) => rowFrom(thread, states[str(obj(thread)['id'])]))
    .filter((row): row is ThreadRow => row !== undefined);
}

/** Rows of `thread/list`. What the stream said of a listed thread meanwhile is older than this answer. */
export function withListed(state: Inbox, result: unknown): Inbox {
  const rows = listedRows(result);
  const listed = new Set(rows.map((row) => row.id));
  return {
    ...state,
    threads: [...rows, ...state.threads.filter((row) => !listed.has(row.id))].slice(0, THREADS_MAX),
  };
}

/** A further page: older ones, behind what is there. */
export function withOlder(state: Inbox, result: unknown): Inbox {
  const known = new Set(state.threads.map((row) => row.id));
  const fresh = listedRows(result).filter((row) => !known.has(row.id));
  return { ...state, threads: [...state.threads, ...fresh].slice(0, THREADS_MAX) };
}

/** Who needs me first, then what runs, then the newest. */
export function ordered(rows: readonly ThreadRow[], open: ReadonlyMap<string, number>): ThreadRow[] {
  const rank = (row: ThreadRow): number => (needsYou(row, open) ? 0 : row.status === 'active' ? 1 : 2);
  return [...rows].sort((a, b) => rank(a) - rank(b) || b.updatedAtMs - a.updatedAtMs);
}

export function needsYou(row: ThreadRow, open: ReadonlyMap<string, number>): boolean {
  return (
    (open.get(row.id) ?? 0) > 0 ||
    row.flags.includes('waitingOnApproval') ||
    row.flags.includes('waitingOnUserInput')
  );
}
