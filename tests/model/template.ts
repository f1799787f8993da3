// Patterns that match a prompt and capture parts of it (`escalate: {command}`), and texts
// that use what was captured (`{{command}}`). Not a general template language: there
// are no expressions, and a variable nobody defines is an error when the file is read.
const PATTERN_CHARS_MAX = 500;
const CAPTURE = /\{([a-z]+)\}/g;
const VARIABLE = /\{\{([a-z]+)\}\}/g;

/** What every text may use, besides the captures of its own block's pattern. */
export const BUILT_IN_VARIABLES = ['cwd', 'output', 'prompt'];

export interface Pattern {
  source: string;
  captures: string[];
  regex: RegExp;
}

/**
 * The pattern may stand anywhere in the message; letter case does not matter. `{name}`
 * takes as little as it can within one line, and the rest of the line when it comes last.
 */
export function compilePattern(source: string): Pattern {
  if (source.trim() === '')
    throw new Error('the pattern is empty: write the words to look for between the quotes');
  if (source.length > PATTERN_CHARS_MAX)
    throw new Error(`the pattern is longer than ${PATTERN_CHARS_MAX} characters: shorten it`);
  const captures = [...source.matchAll(CAPTURE)].map((match) => match[1] ?? '');
  const repeated = captures.find(
    (name, index) => captures.indexOf(name) !== index || BUILT_IN_VARIABLES.includes(name),
  );
  if (repeated)
    throw new Error(`\`{${repeated}}\` is taken already: give this part of the pattern another name`);
  // With a capturing group, split puts the names at the odd places.
  const parts = source.split(CAPTURE);
  const body = parts.map((part, index) => (index % 2 === 0 ? literal(part) : group(parts, index))).join('');
  return { source, captures, regex: new RegExp(body, 'i') };
}

/** The captures if the pattern fits, else undefined. */
export function matchPattern(pattern: Pattern, message: string): Record<string, string> | undefined {
  const match = pattern.regex.exec(message);
  if (!match) return undefined;
  return Object.fromEntries(pattern.captures.map((name, index) => [name, (match[index + 1] ?? '').trim()]));
}

export function variablesOf(text: string): string[] {
  return [...text.matchAll(VARIABLE)].map((match) => match[1] ?? '');
}

export function fill(text: string, values: Record<string, string>): string {
  return text.replace(VARIABLE, (whole, name: string) => values[name] ?? whole);
}

function group(parts: string[], index: number): string {
  const last = parts.slice(index + 1).every((part) => part === '');
  return last ? '(.+)' : '(.+?)';
}

function literal(part: string): string {
  return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
}
