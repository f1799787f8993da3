// One line per event, `event=… key=value`, for whoever runs Orbit. Never for
// secrets, bodies or tokens.
const VALUE_CHARS_MAX = 200;

export function log(event: string, fields: Record<string, string | number | undefined> = {}): void {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${clean(String(value))}`);
  console.log([`event=${event}`, ...parts].join(' '));
}

/** Values come from outside: no line breaks, no spaces that would look like another field. */
function clean(value: string): string {
  const short = value.slice(0, VALUE_CHARS_MAX);
  return /^[\x21-\x7e]+$/.test(short) && !short.includes('"') ? short : JSON.stringify(short);
}
