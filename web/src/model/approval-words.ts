// The words of an approval's choices and ends: what is on a button, how far a grant reaches, how it ended. Pure. Not
// for what it is about (approval-view.ts).
import { viewOf } from './approval-view.ts';
import type { Approval, Choice } from './approvals.ts';
import { obj, str, strings } from './read.ts';
import type { Fields } from './read.ts';
import { visibleLine } from './visible.ts';

const line = (value: unknown): string => visibleLine(str(value));

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
      return amendmentOf(choice.choice).label;
  }
}

interface Amendment {
  label: string;
  /** What exactly it is about. */
  about: string;
  scope: string;
}

function amendmentOf(choice: string): Amendment {
  const raw = { label: visibleLine(choice), about: '', scope: '' };
  let decision: Fields;
  try {
    decision = obj(JSON.parse(choice));
  } catch {
    return raw;
  }
  const words = strings(obj(decision['acceptWithExecpolicyAmendment'])['execpolicy_amendment']);
  if (words.length)
    return {
      label: 'Always allow this command',
      about: words.map(shellWord).join(' '),
      scope:
        'Each command that begins with these words then runs without asking, in every thread, until the line is taken out of the rules in the Codex folder on your Mac.',
    };
  const network = obj(obj(decision['applyNetworkPolicyAmendment'])['network_policy_amendment']);
  const host = line(network['host']);
  if (!host) return raw;
  const label = `${network['action'] === 'deny' ? 'Always block' : 'Always allow'} ${host}`;
  return {
    label,
    about: host,
    scope: 'In every thread, until it is taken out of the rules in the Codex folder on your Mac.',
  };
}

/** As it would have to be typed, so that words with blanks in them stay words. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : visibleLine(`'${word.replaceAll("'", `'\\''`)}'`);
}

/** A grant that holds for more than this once: what it is about, how far it reaches, when it ends. */
export function lastingGrant(choice: Choice, approval: Approval): Amendment | undefined {
  if (!choice.grants || choice.choice === 'accept' || choice.choice === 'answer') return undefined;
  const label = choiceLabel(choice, approval);
  if (choice.choice === 'acceptForSession')
    return {
      label,
      about: '',
      scope: 'The same is not asked again in this thread until Codex is started anew.',
    };
  if (choice.choice === 'acceptAlways')
    return {
      label,
      about: '',
      scope:
        'It is not asked again in any thread, until it is taken out of the configuration of Codex on your Mac.',
    };
  return amendmentOf(choice.choice);
}

/** Refusals in one order everywhere: the mildest first. */
export function refusals(choices: readonly Choice[]): readonly Choice[] {
  const rank = ({ choice }: Choice): number => ['decline', 'cancel'].indexOf(choice) + 1 || 3;
  return choices.filter((choice) => !choice.grants).sort((a, b) => rank(a) - rank(b));
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

/** How it ended, in the past tense: what was pressed is what was done. */
function endWords(approval: Approval): string {
  const { kind } = viewOf(approval);
  switch (approval.choice) {
    case 'accept':
      return { form: 'Answered', permissions: 'Allowed for this turn' }[kind as string] ?? 'Allowed once';
    case 'acceptForSession':
      return 'Allowed for this session';
    case 'acceptAlways':
      return 'Always allowed';
    case 'answer':
      return 'Answered';
    case 'decline':
      return 'Declined';
    case 'cancel':
      return kind === 'questions' || kind === 'form' || kind === 'tool'
        ? 'Not answered'
        : 'Declined, and the turn stopped';
    case '':
      return STATE_WORDS[approval.state] ?? '';
    default:
      return amendmentOf(approval.choice)
        .label.replace(/^Always allow this command$/, 'Always allowed')
        .replace(/^Always allow /, 'Always allowed: ')
        .replace(/^Always block /, 'Always blocked: ');
  }
}

export function stateWords(approval: Approval): string {
  const ended = approval.state === 'applied' || approval.state === 'declined';
  const words = ended ? endWords(approval) : (STATE_WORDS[approval.state] ?? visibleLine(approval.state));
  const who = line(approval.actor?.name) || line(approval.actor?.kind);
  const why = approval.rule ? `rule ${line(approval.rule)}` : '';
  const by = [who ? `by ${who}` : '', why].filter(Boolean).join(', ');
  return by && approval.state !== 'open' ? `${words} ${by}` : words;
}
