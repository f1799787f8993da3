// What an approval is about, in words a person can judge, read from the very
// bytes whose digest is sent back. Pure. Not for layout (screens/approval*.tsx).
import { fromUtf8 } from '../link/signed.ts';
import type { Approval, Choice } from './approvals.ts';
import { fileChanges } from './items.ts';
import type { FileChange } from './items.ts';
import { arr, obj, pretty, str, strings } from './read.ts';
import type { Fields } from './read.ts';
import { visible } from './visible.ts';

/** Of what is asked in a list. */
const LINES_MAX = 100;

export interface Question {
  id: string;
  header: string;
  question: string;
  secret: boolean;
  other: boolean;
  options: readonly { label: string; description: string }[];
}

export interface Field {
  name: string;
  title: string;
  type: 'text' | 'number' | 'boolean' | 'choice' | 'choices';
  required: boolean;
  options: readonly { value: string; title: string }[];
  /** The schema's `default`, as the field holds it. */
  initial?: string | boolean | readonly string[];
}

export type ApprovalView =
  | {
      kind: 'command';
      command: string;
      cwd: string;
      reason: string;
      extra: string;
      network: string;
      outside: boolean;
    }
  | { kind: 'change'; changes: readonly FileChange[]; reason: string; root: string; raw: string }
  | { kind: 'questions'; questions: readonly Question[] }
  | { kind: 'permissions'; reason: string; cwd: string; asks: readonly string[]; raw: string }
  | { kind: 'tool'; server: string; tool: string; message: string; about: string; args: string }
  | { kind: 'form'; server: string; message: string; fields: readonly Field[]; url: string; raw: string }
  | { kind: 'raw'; method: string; raw: string };

function json(bytes: Uint8Array): Fields {
  try {
    return obj(JSON.parse(fromUtf8(bytes)));
  } catch {
    return {};
  }
}

export function viewOf(approval: Approval): ApprovalView {
  const request = json(approval.request);
  // The raw request is Codex's JSON-RPC message; its params are what it asks.
  const params = request['params'] !== undefined ? obj(request['params']) : request;
  switch (approval.method) {
    case 'item/commandExecution/requestApproval':
      return commandView(params, approval);
    case 'item/fileChange/requestApproval':
      return changeView(params, approval);
    case 'item/tool/requestUserInput':
      return { kind: 'questions', questions: arr(params['questions']).slice(0, 20).map(question) };
    case 'item/permissions/requestApproval':
      return {
        kind: 'permissions',
        reason: str(params['reason']),
        cwd: str(params['cwd']),
        asks: permissionLines(obj(params['permissions'])),
        raw: pretty(params['permissions']),
      };
    case 'mcpServer/elicitation/request':
      return isToolCall(params) ? toolView(params) : formView(params);
    default:
      return { kind: 'raw', method: approval.method, raw: pretty(request) };
  }
}

function commandView(params: Fields, approval: Approval): ApprovalView {
  const network = obj(params['networkApprovalContext']);
  const item = obj(json(approval.shown)['item'] ?? json(approval.shown));
  const command = str(params['command']) || str(item['command']);
  const extra = params['additionalPermissions']
    ? permissionLines(obj(params['additionalPermissions'])).join('; ')
    : '';
  return {
    kind: 'command',
    command: visible(command),
    cwd: visible(str(params['cwd']) || str(item['cwd'])),
    reason: str(params['reason']),
    extra,
    network: str(network['host']) ? `${str(network['protocol'])}://${str(network['host'])}` : '',
    // With extra permissions it stays in a widened sandbox, a network question is about the host alone.
    outside: !extra && !str(network['host']),
  };
}

function changeView(params: Fields, approval: Approval): ApprovalView {
  const shown = json(approval.shown);
  const item = obj(obj(shown['params'])['item'] ?? shown['item'] ?? shown);
  return {
    kind: 'change',
    changes: fileChanges(item['changes']),
    reason: str(params['reason']),
    root: str(params['grantRoot']),
    raw: pretty(params),
  };
}

function question(value: unknown): Question {
  const fields = obj(value);
  const options = arr(fields['options'])
    .slice(0, 20)
    .map((entry) => ({ label: str(obj(entry)['label']), description: str(obj(entry)['description']) }));
  return {
    id: str(fields['id']),
    header: str(fields['header']),
    question: str(fields['question']),
    secret: fields['isSecret'] === true,
    other: fields['isOther'] === true,
    options,
  };
}

function permissionLines(permissions: Fields): string[] {
  const files = obj(permissions['fileSystem']);
  // Codex says the same twice, as lists and as entries.
  const asked = [
    ...strings(files['read']).map((path) => `Read ${path}`),
    ...strings(files['write']).map((path) => `Change ${path}`),
    ...arr(files['entries']).map(
      (entry) => `${accessWord(str(obj(entry)['access']))} ${permissionPath(obj(obj(entry)['path']))}`,
    ),
  ];
  const lines = [...new Set(asked)].map(visible);
  if (obj(permissions['network'])['enabled'] === true) lines.unshift('Use the network');
  return lines.length > LINES_MAX
    ? [...lines.slice(0, LINES_MAX), `… and ${lines.length - LINES_MAX} more that are not shown here`]
    : lines;
}

function accessWord(access: string): string {
  return { read: 'Read', write: 'Change' }[access] ?? access;
}

function permissionPath(path: Fields): string {
  return str(path['path']) || str(path['pattern']) || pretty(path['value'] ?? path, 200);
}

/** Codex's own question before an MCP tool runs comes as a form without fields. */
function isToolCall(params: Fields): boolean {
  return (
    obj(params['_meta'])['codex_approval_kind'] === 'mcp_tool_call' &&
    Object.keys(obj(obj(params['requestedSchema'])['properties'])).length === 0
  );
}

function toolView(params: Fields): ApprovalView {
  const meta = obj(params['_meta']);
  const given = obj(meta['tool_params']);
  return {
    kind: 'tool',
    server: visible(str(params['serverName'])),
    tool: visible(str(meta['tool_name'])),
    message: visible(str(params['message'])),
    about: str(meta['tool_description']),
    args: Object.keys(given).length ? visible(pretty(given)) : '',
  };
}

function formView(params: Fields): ApprovalView {
  const schema = obj(params['requestedSchema']);
  const required = new Set(strings(schema['required']));
  const fields = Object.entries(obj(schema['properties']))
    .slice(0, 30)
    .map(([name, value]) => formField(name, obj(value), required.has(name)));
  const message =
    str(params['message']) || [str(params['title']), str(params['description'])].filter(Boolean).join('\n');
  return {
    kind: 'form',
    server: str(params['serverName']),
    message,
    fields,
    url: str(params['url']),
    raw: pretty(params),
  };
}

function formField(name: string, schema: Fields, required: boolean): Field {
  const initial = initialOf(schema['default']);
  const common = {
    name,
    title: str(schema['title']) || name,
    required,
    ...(initial === undefined ? {} : { initial }),
  };
  const items = obj(schema['items']);
  if (schema['type'] === 'array') return { ...common, type: 'choices', options: formOptions(items) };
  if (schema['type'] === 'boolean') return { ...common, type: 'boolean', options: [] };
  if (schema['type'] === 'number' || schema['type'] === 'integer')
    return { ...common, type: 'number', options: [] };
  const options = formOptions(schema);
  return { ...common, type: options.length ? 'choice' : 'text', options };
}

function initialOf(value: unknown): Field['initial'] {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return String(value);
  return Array.isArray(value) ? strings(value) : undefined;
}

function formOptions(schema: Fields): { value: string; title: string }[] {
  const titled = arr(schema['oneOf'] ?? schema['anyOf']).map((entry) => ({
    value: str(obj(entry)['const']),
    title: str(obj(entry)['title']),
  }));
  if (titled.length) return titled.slice(0, 50);
  const names = strings(schema['enumNames']);
  return strings(schema['enum'])
    .slice(0, 50)
    .map((value, at) => ({ value, title: names[at] ?? value }));
}

/** The words on the button. Unknown choices show their own JSON: nothing is guessed. */
export function choiceLabel(choice: Choice, approval: Approval): string {
  const { kind } = viewOf(approval);
  switch (choice.choice) {
    case 'accept':
      return { form: 'Send answer', permissions: 'Allow for this turn' }[kind as string] ?? 'Allow once';
    case 'acceptForSession':
      return 'Allow for this session';
    case 'acceptAlways':
      return 'Always allow this tool';
    case 'decline':
      return 'Decline';
    case 'cancel':
      // Codex goes on with the turn after these, whatever it is told.
      return kind === 'questions' || kind === 'form' || kind === 'tool'
        ? 'Do not answer'
        : 'Decline and stop the turn';
    case 'answer':
      return 'Send answer';
    default:
      return amendmentLabel(choice.choice);
  }
}

function amendmentLabel(choice: string): string {
  let decision: Fields;
  try {
    decision = obj(JSON.parse(choice));
  } catch {
    return choice;
  }
  const words = strings(obj(decision['acceptWithExecpolicyAmendment'])['execpolicy_amendment']);
  if (words.length) return `Allow, and always allow: ${words.join(' ')}`;
  const network = obj(obj(decision['applyNetworkPolicyAmendment'])['network_policy_amendment']);
  if (str(network['host']))
    return `${network['action'] === 'deny' ? 'Always block' : 'Always allow'} ${str(network['host'])}`;
  return choice;
}

/** `/bin/zsh -lc '…'` is Codex's wrapping. For headings only: what is approved is always shown whole. */
export function bareCommand(command: string): string {
  return (
    /^\S*\/?(?:ba|z|da)?sh -l?c '([^']*)'$/.exec(command)?.[1] ??
    /^\S*\/?(?:ba|z|da)?sh -l?c "([^"\\$`]*)"$/.exec(command)?.[1] ??
    command
  );
}

/** One line for lists. */
export function summaryOf(approval: Approval): string {
  const view = viewOf(approval);
  switch (view.kind) {
    case 'command':
      return bareCommand(view.command) || (view.network ? `Reach ${view.network}` : 'A command');
    case 'change':
      return view.changes.length === 1
        ? `Change ${view.changes[0]?.path ?? 'a file'}`
        : `Change ${view.changes.length || 'some'} files`;
    case 'questions':
      return view.questions[0]?.question ?? 'A question';
    case 'permissions':
      return view.reason || view.asks[0] || 'More permissions';
    case 'tool':
      return view.message || `Run ${view.tool}`;
    case 'form':
      return view.message || 'A form';
    default:
      return view.method;
  }
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  open: 'Waiting for an answer',
  deciding: 'Being decided',
  applied: 'Applied',
  declined: 'Declined',
  expired: 'Expired: nobody answered in time',
  withdrawn: 'Withdrawn: the turn ended first',
  'answered-elsewhere': 'Answered elsewhere',
  orphaned: 'Void: Codex was restarted',
  unverified: 'Could not be verified: look on your Mac',
  unknown: 'Unknown: look at the thread before you try again',
};

export function stateWords(approval: Approval): string {
  const what =
    approval.choice && approval.state !== 'open'
      ? `: ${choiceLabel({ choice: approval.choice, grants: false }, approval)}`
      : '';
  const words = `${STATE_WORDS[approval.state] ?? approval.state}${what}`;
  const who = approval.actor?.name || approval.actor?.kind;
  const why = approval.rule ? `rule ${approval.rule}` : '';
  const by = [who ? `by ${who}` : '', why].filter(Boolean).join(', ');
  return by && approval.state !== 'open' ? `${words} ${by}` : words;
}
