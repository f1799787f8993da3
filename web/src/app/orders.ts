// The effects a person can order, each put into the outbox first. Not for reads
// (client.call) and not for keystrokes (terminal.ts).
import { approvalDigest, randomId, utf8 } from '../link/signed.ts';
import type { Entry } from '../link/outbox.ts';
import { isUnseen } from '../model/approvals.ts';
import type { Approval, Choice } from '../model/approvals.ts';
import { choiceLabel } from '../model/approval-words.ts';
import type { Client } from './client.ts';
import { textInput } from './late-orders.ts';

/** Of the prompt alone, as it is sent; what is around it is short (COMMAND_BYTES_MAX). */
export const PROMPT_BYTES_MAX = 240 * 1024;
/** No character takes more bytes as JSON in UTF-8. */
const CHARACTER_BYTES_MAX = 6;

/** Why it can't be sent; empty when it can. */
export function tooLong(prompt: string): string {
  if (prompt.length * CHARACTER_BYTES_MAX <= PROMPT_BYTES_MAX) return '';
  const bytes = utf8(JSON.stringify(prompt)).length;
  if (bytes <= PROMPT_BYTES_MAX) return '';
  const over = Math.ceil((bytes - PROMPT_BYTES_MAX) / 1024);
  return `Too long by ${over} KB: shorten it, or put it into a file on your Mac and name that.`;
}

/** Steers the running turn, or starts one. The id reaches Codex, so a resend cannot run twice. */
export function sendPrompt(
  client: Client,
  thread: string,
  text: string,
  runningTurn: string | undefined,
): Promise<Entry> {
  const id = randomId();
  const common = { threadId: thread, input: textInput(text), clientUserMessageId: id };
  const params = runningTurn ? { ...common, expectedTurnId: runningTurn } : common;
  return client.outbox.add({
    mac: client.requireMac(),
    method: runningTurn ? 'turn/steer' : 'turn/start',
    params,
    id,
    now: Date.now(),
    keep: 'disk',
    purpose: { kind: 'prompt', thread, text, steer: runningTurn !== undefined },
  });
}

export function stopTurn(client: Client, thread: string, turn: string): Promise<Entry> {
  return client.outbox.add({
    mac: client.requireMac(),
    method: 'turn/interrupt',
    params: { threadId: thread, turnId: turn },
    now: Date.now(),
    keep: 'disk',
    purpose: { kind: 'stop', thread, turn },
  });
}

export interface Task {
  cwd: string;
  prompt: string;
  model: string;
  effort: string;
  permissions: 'ask' | 'read-only' | 'full-access';
}

export function startTask(client: Client, task: Task): Promise<Entry> {
  const params = {
    cwd: task.cwd,
    prompt: task.prompt,
    permissions: task.permissions,
    ...(task.model ? { model: task.model } : {}),
    ...(task.effort ? { effort: task.effort } : {}),
  };
  return client.outbox.add({
    mac: client.requireMac(),
    method: 'zane/task/start',
    params,
    now: Date.now(),
    keep: 'disk',
    purpose: { kind: 'task', cwd: task.cwd, text: task.prompt },
  });
}

/**
 * The digest is computed here, over the bytes the sheet was drawn from; the one the Mac told is repeated in
 * one case only: to refuse what was too long to come, which lets nothing happen.
 */
export async function decide(
  client: Client,
  approval: Approval,
  choice: Choice,
  answers: unknown,
  secret: boolean,
): Promise<Entry> {
  if (isUnseen(approval) && choice.grants) throw new Error('What was not shown cannot be allowed here.');
  const digest = isUnseen(approval)
    ? approval.digest
    : await approvalDigest(approval.request, approval.shown);
  const params = {
    approval: approval.id,
    digest,
    choice: choice.choice,
    ...(answers === undefined ? {} : { answers }),
  };
  return client.outbox.add({
    mac: client.requireMac(),
    method: 'zane/approval/decide',
    params,
    now: Date.now(),
    keep: secret ? 'memory' : 'disk',
    purpose: {
      kind: 'decision',
      approval: approval.id,
      choice: choice.choice,
      label: choiceLabel(choice, approval),
    },
  });
}
