// Characters by their names in HTML. The common ones are here; the other two
// thousand come when one of them is met (`learn`).

const known = new Map<string, string>([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00A0'],
  ['copy', '©'],
  ['reg', '®'],
  ['trade', '™'],
  ['hellip', '…'],
  ['ndash', '–'],
  ['mdash', '—'],
  ['lsquo', '‘'],
  ['rsquo', '’'],
  ['ldquo', '“'],
  ['rdquo', '”'],
  ['bull', '•'],
  ['middot', '·'],
  ['times', '×'],
  ['divide', '÷'],
  ['plusmn', '±'],
  ['deg', '°'],
  ['micro', 'µ'],
  ['larr', '←'],
  ['rarr', '→'],
  ['uarr', '↑'],
  ['darr', '↓'],
  ['le', '≤'],
  ['ge', '≥'],
  ['ne', '≠'],
  ['euro', '€'],
  ['pound', '£'],
  ['sect', '§'],
  ['para', '¶'],
  ['laquo', '«'],
  ['raquo', '»'],
]);

export function learn(names: Readonly<Record<string, string>>): void {
  for (const [name, char] of Object.entries(names)) known.set(name, char);
}

/** `&name;`, `&#10;` or `&#xA;` as what it stands for; empty when that is not known. */
export function entity(written: string): string {
  const name = written.slice(1, -1);
  if (name[0] !== '#') return known.get(name) ?? '';
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : '\uFFFD';
}

/** Whether a name stands in it that is not known here (yet). */
export function hasUnknown(text: string): boolean {
  if (!text.includes('&')) return false;
  return [...text.matchAll(/&([A-Za-z][A-Za-z0-9]{1,31});/g)].some(([, name = '']) => !known.has(name));
}
