// Approvals as the Mac states them: verified statements, each with the bytes it
// is about. `reduce` keeps the newest word per approval; nothing leaves `open`
// without one. Not for deciding (app/decide.ts) nor for drawing.
import { approvalDigest, fromUtf8, verifyStatement } from '../link/signed.ts';
import type { RawEvent } from '../link/streams.ts';
import { arr, num, obj, str } from './read.ts';
import type { Fields } from './read.ts';

/** Open ones are never dropped for this; closed ones are, oldest first. */
export const APPROVALS_MAX = 300;
const CHOICES_MAX = 16;

export interface Choice {
  choice: string;
  grants: boolean;
}

export interface Approval {
  id: string;
  thread: string;
  turn: string;
  item: string;
  method: string;
  digest: string;
  state: string;
  choices: readonly Choice[];
  choice: string;
  actor: { kind: string; id: string; name: string } | undefined;
  cause: string;
  rule: string;
  reason: string;
  epoch: string;
  seq: number;
  at: number;
  /** Of the first word on it that was seen here. */
  askedAt: number;
  /** The statement bears the Mac's signature. Without it nothing here is to be believed. */
  verified: boolean;
  /** `match`: the bytes held are what the Mac means. `missing`: none came; an open step without them is too long for the link. */
  bytes: 'match' | 'mismatch' | 'missing';
  request: Uint8Array;
  shown: Uint8Array;
}

const STATES: ReadonlySet<string> = new Set([
  'open',
  'deciding',
  'applied',
  'declined',
  'expired',
  'withdrawn',
  'answered-elsewhere',
  'orphaned',
  'unknown',
]);
/** In place of a state that the Mac did not sign. */
export const UNVERIFIED = 'unverified';
const NOTHING = new Uint8Array();

/** Reads one event of kind `approval`; undefined when it is not even a statement about one. */
export async function readApproval(
  event: RawEvent,
  mac: string,
  key: CryptoKey,
): Promise<Approval | undefined> {
  const [statement, request, shown] = event.bodies;
  const fields = parse(statement);
  const id = str(fields['approval']);
  if (!statement || fields['kind'] !== 'approval' || !id) return undefined;
  const signed = await verifyStatement(key, statement, event.signature);
  const said = statementFields(fields, id);
  const verified = signed && fields['mac'] === mac && STATES.has(said.state);
  // What the Mac did not sign says nothing of how it ended.
  const approval: Approval = {
    ...said,
    state: verified ? said.state : UNVERIFIED,
    verified,
    bytes: 'missing',
    request: NOTHING,
    shown: NOTHING,
  };
  if (!request) return approval;
  // Copies: the frame they came in is large and would be kept alive by a view.
  const kept = { request: request.slice(), shown: (shown ?? NOTHING).slice() };
  const bytes = (await approvalDigest(kept.request, kept.shown)) === approval.digest ? 'match' : 'mismatch';
  return { ...approval, ...kept, bytes };
}

function statementFields(fields: Fields, id: string) {
  const actor = obj(fields['actor']);
  return {
    id,
    thread: str(fields['thread']),
    turn: str(fields['turn']),
    item: str(fields['item']),
    method: str(fields['method']),
    digest: str(fields['digest']),
    state: str(fields['state']),
    choices: choices(fields['choices']),
    choice: str(fields['choice']),
    actor: fields['actor']
      ? { kind: str(actor['kind']), id: str(actor['id']), name: str(actor['name']) }
      : undefined,
    cause: str(fields['cause']),
    rule: str(fields['rule']),
    reason: str(fields['reason']),
    epoch: str(fields['epoch']),
    seq: Number(fields['seq']) || 0,
    at: num(fields['at']) ?? 0,
    askedAt: num(fields['at']) ?? 0,
  };
}

function choices(value: unknown): Choice[] {
  return arr(value)
    .slice(0, CHOICES_MAX)
    .map((entry) => ({ choice: str(obj(entry)['choice']), grants: obj(entry)['grants'] === true }))
    .filter((entry) => entry.choice !== '');
}

function parse(bytes: Uint8Array | undefined): Fields {
  try {
    return bytes ? obj(JSON.parse(fromUtf8(bytes))) : {};
  } catch {
    return {};
  }
}

export type Approvals = ReadonlyMap<string, Approval>;

export function reduceApproval(known: Approvals, next: Approval): Approvals {
  const before = known.get(next.id);
  if (before && !replaces(before, next)) return known;
  const out = new Map(known);
  // Only a signed word says when it was asked.
  const askedAt = before?.verified ? Math.min(before.askedAt, next.askedAt) : next.askedAt;
  out.set(next.id, before ? withBytes(before, { ...next, askedAt }) : next);
  return bounded(out);
}

/** The signed place decides; a word that is not signed never replaces one that is. */
function replaces(before: Approval, next: Approval): boolean {
  if (before.verified !== next.verified) return next.verified;
  if (before.epoch === next.epoch)
    return (
      next.seq > before.seq ||
      (next.seq === before.seq && before.bytes === 'missing' && next.bytes !== 'missing')
    );
  return next.at >= before.at;
}

/** Bytes come with the open steps only; a later step of the same digest keeps them. */
function withBytes(before: Approval, next: Approval): Approval {
  if (next.bytes !== 'missing' || before.bytes === 'missing' || before.digest !== next.digest) return next;
  return { ...next, bytes: before.bytes, request: before.request, shown: before.shown };
}

function bounded(map: Map<string, Approval>): Approvals {
  if (map.size <= APPROVALS_MAX) return map;
  for (const [id, approval] of map) {
    if (isOpen(approval) && approval.verified) continue;
    map.delete(id);
    break;
  }
  return map;
}

export function isOpen(approval: Approval): boolean {
  return approval.state === 'open' || approval.state === 'deciding' || approval.state === UNVERIFIED;
}

/** Why this cannot be answered, or empty when it can. */
export function unanswerable(approval: Approval): string {
  if (!approval.verified)
    return 'Your Mac did not sign this. Someone between may have made it up, so it cannot be answered here.';
  if (approval.bytes === 'mismatch')
    return 'What arrived is not what your Mac asked about. It cannot be answered here; answer it at your desk.';
  if (approval.state !== 'open') return 'It is no longer open.';
  return '';
}

/** What is asked did not come with the question: whoever has not seen it may refuse it, and no more. */
export function isUnseen(approval: Approval): boolean {
  return approval.verified && isOpen(approval) && approval.bytes === 'missing';
}

/** The choices a person has here. */
export function choosable(approval: Approval): readonly Choice[] {
  return isUnseen(approval) ? approval.choices.filter(({ grants }) => !grants) : approval.choices;
}

/** Those that wait for a person, oldest first. */
export function openApprovals(approvals: Approvals, thread?: string): Approval[] {
  return [...approvals.values()]
    .filter((a) => isOpen(a) && (thread === undefined || a.thread === thread))
    .sort((a, b) => a.at - b.at);
}
