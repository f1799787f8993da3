// Careful reading of JSON that others wrote: a wrong type becomes an empty
// value, never an exception. Not for signed statements (approvals.ts checks
// those before it reads them).
export type Fields = Record<string, unknown>;

export function obj(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function arr(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function str(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function num(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function strings(value: unknown): string[] {
  return arr(value).filter((entry): entry is string => typeof entry === 'string');
}

/** JSON for a person's eyes, cut at `max` characters. */
export function pretty(value: unknown, max = 20_000): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, undefined, 2) ?? '');
  return text.length > max ? `${text.slice(0, max)}\n… ${text.length - max} more characters` : text;
}
