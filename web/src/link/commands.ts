// Sends signed commands and follows their receipts: sent → received → done,
// refused, failed or unknown. Resends the same bytes after a reconnect until
// they are answered or expired. Not for keeping them over a reload (outbox.ts).
import type { Header } from '../../../proto/ts/link.ts';
import type { Clock, Timer } from './clock.ts';
import { fromUtf8, randomId, sha256Text, signCommand, utf8, verifyStatement } from './signed.ts';
import type { DeviceKey } from './signed.ts';

/** A phone has a handful in flight; this many means something is broken. */
export const PENDING_COMMANDS_MAX = 256;
export const COMMAND_BYTES_MAX = 256 * 1024;
export const CALL_TIMEOUT_MS = 20_000;
/** A Mac that is busy is asked again, ever later. */
const BUSY_AGAIN_FIRST_MS = 1_000;
const BUSY_AGAIN_MAX_MS = 30_000;
/** Longer than a call waits, so that a slow clock does not turn a slow answer into `expired`. */
const CALL_LIFE_MS = 5 * 60_000;

/** `saved` until a socket took it; then the receipts speak. */
export type Progress = 'saved' | 'sent' | 'received';
export type Ending = 'done' | 'refused' | 'failed' | 'unknown' | 'expired';

export interface Outcome {
  state: Ending;
  reason: string;
  message: string;
  /** The parsed body 1: the result, or Codex's error for `failed`. */
  result: unknown;
}

export interface Prepared {
  id: string;
  mac: string;
  device: string;
  method: string;
  bytes: Uint8Array;
  signature: string;
  expiresAt: number;
}

export type Resend = 'until-answered' | 'never';

export interface Watcher {
  progress?: (state: Progress) => void;
  /** A receipt that did not verify, or the word of a relay that it could not deliver. The command stays pending. */
  trouble?: (message: string, forged: boolean) => void;
  ended: (outcome: Outcome) => void;
}

interface Pending {
  prepared: Prepared;
  resend: Resend;
  watcher: Watcher;
  progress: Progress;
  /** A socket has taken it: nobody but the Mac knows how far it came. */
  left: boolean;
  busy: number;
  again: Timer | undefined;
}

export interface CommandDeps {
  clock: Clock;
  device: DeviceKey;
  /** The Mac's verified key, or undefined for a Mac this device is not paired with. */
  macKey: (mac: string) => CryptoKey | undefined;
  send: (header: Header, bodies: readonly Uint8Array[]) => boolean;
  /** Whether relay has accepted this connection's attach; nothing but attach goes before it. */
  ready: (mac: string) => boolean;
  /** A receipt came that the Mac did not sign: someone between lies. */
  forged?: () => void;
}

export class CallError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export class Commands {
  readonly #deps: CommandDeps;
  readonly #pending = new Map<string, Pending>();
  /** Receipts are verified one after the other, so that `received` never overtakes `done`. */
  #receipts: Promise<void> = Promise.resolve();
  /** Signing is asynchronous; keystrokes must keep their order all the same. */
  #signing: Promise<unknown> = Promise.resolve();

  constructor(deps: CommandDeps) {
    this.#deps = deps;
  }

  /** Whether what is submitted for this Mac leaves at once. */
  ready(mac: string): boolean {
    return this.#deps.ready(mac);
  }

  get size(): number {
    return this.#pending.size;
  }

  prepare(
    mac: string,
    method: string,
    params: unknown,
    lifeMs: number,
    id: string = randomId(),
    issuedAt: number = this.#deps.clock.now(),
  ): Promise<Prepared> {
    const run = async (): Promise<Prepared> => {
      const { device } = this.#deps;
      const expiresAt = issuedAt + lifeMs;
      const bytes = utf8(
        JSON.stringify({ mac, device: device.id, id, issuedAt, expiresAt, method, params }, wellFormed),
      );
      if (bytes.length > COMMAND_BYTES_MAX)
        throw new CallError('too-large', 'this is too long to send: shorten it');
      return {
        id,
        mac,
        device: device.id,
        method,
        bytes,
        signature: await signCommand(device, bytes),
        expiresAt,
      };
    };
    const prepared = this.#signing.then(run, run);
    this.#signing = prepared.catch(() => undefined);
    return prepared;
  }

  submit(prepared: Prepared, resend: Resend, watcher: Watcher): void {
    if (this.#pending.has(prepared.id)) return;
    if (this.#pending.size >= PENDING_COMMANDS_MAX)
      return watcher.ended({
        state: 'refused',
        reason: 'busy',
        message: 'too much is waiting to be sent: wait for the connection',
        result: undefined,
      });
    const pending: Pending = {
      prepared,
      resend,
      watcher,
      progress: 'saved',
      left: false,
      busy: 0,
      again: undefined,
    };
    this.#pending.set(prepared.id, pending);
    const sent = this.#transmit(pending);
    if (!sent && resend === 'never') this.#end(pending, 'refused', 'offline', 'not connected to your Mac');
  }

  /** A question that changes nothing, or a keystroke: an answer, or an error that says why not. */
  async call(
    mac: string,
    method: string,
    params: unknown,
    resend: Resend = 'until-answered',
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<unknown> {
    const prepared = await this.prepare(mac, method, params, CALL_LIFE_MS);
    return new Promise((resolve, reject) => {
      const { clock } = this.#deps;
      const timer: Timer = clock.after(timeoutMs, () => {
        const pending = this.#pending.get(prepared.id);
        if (pending) this.#forget(pending);
        reject(
          new CallError(
            'timeout',
            `your Mac did not answer \`${method}\` within ${Math.round(timeoutMs / 1000)} s`,
          ),
        );
      });
      this.submit(prepared, resend, {
        ended: (outcome) => {
          clock.cancel(timer);
          if (outcome.state === 'done') resolve(outcome.result);
          else
            reject(
              new CallError(
                outcome.reason || outcome.state,
                outcome.message || `\`${method}\` ${outcome.state}`,
              ),
            );
        },
      });
    });
  }

  /** The Mac can take commands again: the same bytes, in the order they were given. */
  resendAll(mac: string): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.prepared.mac !== mac) continue;
      if (pending.prepared.expiresAt <= this.#deps.clock.now()) this.#expire(pending);
      else if (pending.resend === 'until-answered') this.#transmit(pending);
    }
  }

  /** What was tied to the connection that has just ended. */
  dropUnrepeatable(mac: string): void {
    for (const pending of [...this.#pending.values()])
      if (pending.resend === 'never' && pending.prepared.mac === mac)
        this.#end(pending, 'unknown', 'offline', 'the connection was lost before an answer came');
  }

  expireOld(): void {
    const now = this.#deps.clock.now();
    for (const pending of [...this.#pending.values()])
      if (pending.prepared.expiresAt <= now) this.#expire(pending);
  }

  undelivered(trace: string, reason: string, message: string): void {
    const pending = this.#pending.get(trace);
    if (!pending) return;
    if (reason === 'too-large' || reason === 'bad-frame')
      return this.#end(pending, 'refused', reason, message);
    if (pending.resend === 'never')
      return this.#end(pending, 'refused', reason, message || 'your Mac is not connected');
    this.#step(pending, 'saved');
    pending.watcher.trouble?.(message || reason, false);
    if (reason === 'busy') this.#later(pending);
  }

  /** Forgets a command that was never sent; false when it was, or is not known. */
  withdraw(id: string): boolean {
    const pending = this.#pending.get(id);
    if (!pending || pending.left) return false;
    this.#forget(pending);
    return true;
  }

  receipt(header: Header, bodies: readonly Uint8Array[]): Promise<void> {
    const next = this.#receipts.then(() => this.#receipt(header, bodies));
    this.#receipts = next.catch(() => undefined);
    return next;
  }

  async #receipt(header: Header, bodies: readonly Uint8Array[]): Promise<void> {
    const pending = this.#pending.get(String(header.receipt?.command ?? ''));
    const [body, result] = bodies;
    if (!pending || !body) return;
    const statement = await this.#genuine(pending.prepared, body, header.receipt?.signature, result);
    if (!this.#pending.has(pending.prepared.id)) return;
    if (!statement) {
      this.#deps.forged?.();
      return pending.watcher.trouble?.(
        'an answer came that your Mac did not sign: ignored as a forgery',
        true,
      );
    }
    const reason = text(statement['reason']);
    const message = text(statement['message']);
    switch (statement['state']) {
      case 'received':
        return this.#step(pending, 'received');
      case 'done':
      case 'refused':
      case 'failed':
      case 'unknown':
        return this.#end(pending, statement['state'], reason, message, parse(result));
      default:
        return pending.watcher.trouble?.(
          'your Mac sent a receipt this app does not understand: update the app',
          false,
        );
    }
  }

  async #genuine(
    prepared: Prepared,
    body: Uint8Array,
    signature: unknown,
    result: Uint8Array | undefined,
  ): Promise<Record<string, unknown> | undefined> {
    const key = this.#deps.macKey(prepared.mac);
    if (!key || !(await verifyStatement(key, body, signature))) return undefined;
    const statement = parse(body);
    if (typeof statement !== 'object' || statement === null) return undefined;
    const fields = statement as Record<string, unknown>;
    const fits =
      fields['kind'] === 'receipt' &&
      fields['mac'] === prepared.mac &&
      fields['command'] === prepared.id &&
      fields['commandDigest'] === (await sha256Text(prepared.bytes)) &&
      (result === undefined || result.length === 0 || fields['resultDigest'] === (await sha256Text(result)));
    return fits ? fields : undefined;
  }

  #transmit(pending: Pending): boolean {
    const { prepared } = pending;
    if (prepared.method !== 'zane/attach' && !this.#deps.ready(prepared.mac)) return false;
    const header: Header = {
      mac: prepared.mac,
      trace: prepared.id,
      command: { device: prepared.device, signature: prepared.signature },
    };
    const sent = this.#deps.send(header, [prepared.bytes]);
    pending.left ||= sent;
    if (sent && pending.progress === 'saved') this.#step(pending, 'sent');
    return sent;
  }

  #later(pending: Pending): void {
    const { clock } = this.#deps;
    clock.cancel(pending.again);
    const delay = Math.min(BUSY_AGAIN_MAX_MS, BUSY_AGAIN_FIRST_MS * 2 ** pending.busy++);
    pending.again = clock.after(delay, () => {
      if (pending.prepared.expiresAt <= clock.now()) this.#expire(pending);
      else this.#transmit(pending);
    });
  }

  #forget(pending: Pending): void {
    this.#deps.clock.cancel(pending.again);
    this.#pending.delete(pending.prepared.id);
  }

  #step(pending: Pending, progress: Progress): void {
    // The Mac's `received` stays true whatever happens to the connection afterwards.
    if (pending.progress === 'received' || pending.progress === progress) return;
    pending.progress = progress;
    pending.watcher.progress?.(progress);
  }

  #expire(pending: Pending): void {
    const known = pending.progress === 'received';
    const message = known
      ? 'your Mac had it, but no answer came in time'
      : 'it could not be delivered in time: send it again if you still want it';
    this.#end(pending, known ? 'unknown' : 'expired', 'expired', message);
  }

  #end(pending: Pending, state: Ending, reason: string, message: string, result?: unknown): void {
    this.#forget(pending);
    pending.watcher.ended({ state, reason, message: message || errorMessage(state, result), result });
  }
}

/** Half of a character, as a cut or a keyboard can leave it, is no Unicode: its place is kept, as everywhere. */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\p{Surrogate}/gu, '\ufffd') : value;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 2000) : '';
}

function parse(bytes: Uint8Array | undefined): unknown {
  if (!bytes || bytes.length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    return undefined;
  }
}

/** Codex's own error, as JSON-RPC has it. */
function errorMessage(state: Ending, result: unknown): string {
  if (state === 'done' || typeof result !== 'object' || result === null) return '';
  const fields = result as { message?: unknown; error?: { message?: unknown } };
  return text(fields.message) || text(fields.error?.message);
}
