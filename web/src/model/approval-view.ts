// What an approval is about, in words a person can judge, read from the very
// bytes whose digest is sent back. Pure. Not for layout (screens/approval*.tsx).
import { fromUtf8 } from '../link/signed.ts';
import type { Approval } from './approvals.ts';
import { fileChanges } from './items.ts';
import type { FileChange } from './items.ts';
import { arr, obj, pretty, str, strings } from './read.ts';
import type { Fields } from './read.ts';
import { visible, visibleLine } from './visible.ts';

export interface Question {
  id: string;
  header: string;
  question: string;
  secret: boolean;
  other: boolean;
  /** `label` is what is sent, `shown` what is read. */
  options: readonly { label: string; shown: string; description: string }[];
}

export interface Field {
  name: string;
  title: string;
  type: 'text' | 'number' | 'boolean' | 'choice' | 'choices';
  /** What the tool says of it. */
  about: string;
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
  | { kind: 'change'; changes: readonly FileChange[]; cwd: string; reason: string; root: string; raw: string }
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

const text = (value: unknown): string => visible(str(value));
const line = (value: unknown): string => visibleLine(str(value));
const whole = (value: unknown): string => visible(pretty(value, Number.MAX_SAFE_INTEGER));

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
      return { kind: 'questions', questions: arr(params['questions']).map(question) };
    case 'item/permissions/requestApproval':
      return {
        kind: 'permissions',
        reason: text(params['reason']),
        cwd: line(params['cwd']),
        asks: permissionLines(obj(params['permissions'])),
        raw: whole(params['permissions']),
      };
    case 'mcpServer/elicitation/request':
      return isToolCall(params) ? toolView(params) : formView(params);
    default:
      return { kind: 'raw', method: visibleLine(approval.method), raw: whole(request) };
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
    cwd: line(params['cwd']) || line(item['cwd']),
    reason: text(params['reason']),
    extra,
    network: str(network['host']) ? `${line(network['protocol'])}://${line(network['host'])}` : '',
    // With extra permissions it stays in a widened sandbox, a network question is about the host alone.
    outside: !extra && !str(network['host']),
  };
}

function changeView(params: Fields, approval: Approval): ApprovalView {
  const shown = json(approval.shown);
  const item = obj(obj(shown['params'])['item'] ?? shown['item'] ?? shown);
  const { changes } = fileChanges(item['changes'], 'whole');
  return {
    kind: 'change',
    changes,
    cwd: folderOf(changes.flatMap(({ path, movedTo }) => (movedTo ? [path, movedTo] : [path]))),
    reason: text(params['reason']),
    root: line(params['grantRoot']),
    raw: whole(params),
  };
}

/** The folder that all of them lie in, so that it need not stand in front of each. */
function folderOf(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  let folder = first.slice(0, first.lastIndexOf('/'));
  while (folder && others.some((path) => !path.startsWith(`${folder}/`)))
    folder = folder.slice(0, folder.lastIndexOf('/'));
  return folder;
}

function question(value: unknown): Question {
  const fields = obj(value);
  const options = arr(fields['options']).map((entry) => ({
    label: str(obj(entry)['label']),
    shown: line(obj(entry)['label']),
    description: text(obj(entry)['description']),
  }));
  return {
    id: str(fields['id']),
    header: line(fields['header']),
    question: text(fields['question']),
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
  const lines = [...new Set(asked)].map((path) => visibleLine(path));
  const network = obj(permissions['network']);
  if (network['enabled'] === true) lines.unshift('Use the network');
  // What this app has no words for is shown as it came.
  const others = [
    ...unknown(permissions, ['fileSystem', 'network']),
    ...unknown(files, ['read', 'write', 'entries']),
    ...unknown(network, ['enabled']),
  ];
  return [...lines, ...others];
}

function unknown(fields: Fields, known: readonly string[]): string[] {
  return Object.entries(fields)
    .filter(([key, value]) => !known.includes(key) && value !== null && value !== false)
    .map(([key, value]) => visibleLine(`Also ${key}: ${JSON.stringify(value)}`));
}

function accessWord(access: string): string {
  return { read: 'Read', write: 'Change' }[access] ?? access;
}

function permissionPath(path: Fields): string {
  return str(path['path']) || str(path['pattern']) || JSON.stringify(path['value'] ?? path);
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
    server: line(params['serverName']),
    tool: line(meta['tool_name']),
    message: text(params['message']),
    about: text(meta['tool_description']),
    args: Object.keys(given).length ? whole(given) : '',
  };
}

function formView(params: Fields): ApprovalView {
  const schema = obj(params['requestedSchema']);
  const required = new Set(strings(schema['required']));
  const fields = Object.entries(obj(schema['properties'])).map(([name, value]) =>
    formField(name, obj(value), required.has(name)),
  );
  const message =
    text(params['message']) ||
    [text(params['title']), text(params['description'])].filter(Boolean).join('\n');
  return {
    kind: 'form',
    server: line(params['serverName']),
    message,
    fields,
    url: line(params['url']),
    raw: whole(params),
  };
}

function formField(name: string, schema: Fields, required: boolean): Field {
  const initial = initialOf(schema['default']);
  const common = {
    name,
    title: line(schema['title']) || visibleLine(name),
    about: text(schema['description']),
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
    title: line(obj(entry)['title']),
  }));
  if (titled.length) return titled;
  const names = strings(schema['enumNames']);
  return strings(schema['enum']).map((value, at) => ({ value, title: visibleLine(names[at] ?? value) }));
}

/** `/bin/zsh -lc '…'` is Codex's wrapping. For headings only: what is approved is always shown whole. */
export function bareCommand(command: string): string {
  return (
    /^\S*\/?(?:ba|z|da)?sh -l?c '([^']*)'$/.exec(command)?.[1] ??
    /^\S*\/?(?:ba|z|da)?sh -l?c "([^"\\$`]*)"$/.exec(command)?.[1] ??
    command
  );
}

/** Of a line in a list. */
const SUMMARY_CHARACTERS_MAX = 300;

/** One line for lists. */
export function summaryOf(approval: Approval): string {
  return visibleLine(summary(approval), SUMMARY_CHARACTERS_MAX);
}

function summary(approval: Approval): string {
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
