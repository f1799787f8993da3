// A command's output as a terminal would have left it: colours, returns, erased and
// overwritten lines (ECMA-48). All other controls do nothing. Pure. Not a terminal
// one types into (screens/terminal.tsx).

/** `colour` and `back`: 0 to 15, as terminals number them. */
export interface Style {
  colour: number | undefined;
  back: number | undefined;
  bold: boolean;
  faint: boolean;
  italic: boolean;
  underline: boolean;
}

export interface Span {
  text: string;
  style: Style;
}

export type Line = readonly Span[];

const PLAIN: Style = {
  colour: undefined,
  back: undefined,
  bold: false,
  faint: false,
  italic: false,
  underline: false,
};
/** No program draws further to the right; a bound on what one sequence can make. */
const COLUMNS_MAX = 2_000;
/** Lines above the last that a program may still change. */
const UP_MAX = 1_000;

// Control sequences, strings (titles, links) to their end, and single escapes.
const SEQUENCE =
  /\x1b\[([0-9;:?<=>!]*)[ -/]*([@-~])|\x1b[\]PX^_](?:[^\x07\x1b]|\x1b(?!\\))*(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]|\x1b|\x9b/y;

interface Cell {
  char: string;
  style: Style;
}

export function readOutput(text: string): Line[] {
  if (!/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(text))
    return text.split('\n').map((line) => [{ text: line, style: PLAIN }]);
  const screen = new Screen();
  screen.write(text);
  return screen.lines();
}

class Screen {
  readonly #rows: Cell[][] = [[]];
  #row = 0;
  #column = 0;
  #style = PLAIN;

  write(text: string): void {
    for (let at = 0; at < text.length; ) {
      const code = text.codePointAt(at) as number;
      if (code === 0x1b || code === 0x9b) {
        SEQUENCE.lastIndex = at;
        const found = SEQUENCE.exec(text);
        if (found?.[2]) this.#control(found[2], found[1] ?? '');
        at += found?.[0].length || 1;
      } else {
        const char = String.fromCodePoint(code);
        this.#char(char);
        at += char.length;
      }
    }
  }

  lines(): Line[] {
    return this.#rows.map(spansOf);
  }

  #char(char: string): void {
    switch (char) {
      case '\n':
        this.#row++;
        this.#column = 0;
        while (this.#rows.length <= this.#row) this.#rows.push([]);
        return;
      case '\r':
        this.#column = 0;
        return;
      case '\b':
        this.#column = Math.max(0, this.#column - 1);
        return;
      case '\x07':
        return;
      default:
        this.#put(char);
    }
  }

  #put(char: string): void {
    const row = this.#rows[this.#row] as Cell[];
    while (row.length < this.#column) row.push({ char: ' ', style: PLAIN });
    row[this.#column] = { char, style: this.#style };
    this.#column++;
  }

  #control(name: string, params: string): void {
    const first = Number.parseInt(params, 10);
    const count = Math.max(1, first || 1);
    const row = this.#rows[this.#row] as Cell[];
    switch (name) {
      case 'm':
        this.#style = styled(this.#style, params);
        return;
      case 'K':
        if (first === 1 || first === 2)
          row.fill({ char: ' ', style: PLAIN }, 0, first === 2 ? row.length : this.#column + 1);
        if (first !== 1) row.length = Math.min(row.length, first === 2 ? 0 : this.#column);
        return;
      case 'J':
        // From here on; what stands above stays, as in a scroll-back.
        if (first === 2 || first === 3) return;
        row.length = Math.min(row.length, this.#column);
        this.#rows.length = this.#row + 1;
        return;
      case 'A':
      case 'F':
        this.#row = Math.max(0, this.#rows.length - UP_MAX, this.#row - count);
        if (name === 'F') this.#column = 0;
        return;
      case 'B':
      case 'E':
        this.#row = Math.min(this.#rows.length - 1, this.#row + count);
        if (name === 'E') this.#column = 0;
        return;
      case 'C':
        this.#column = Math.min(COLUMNS_MAX, this.#column + count);
        return;
      case 'D':
        this.#column = Math.max(0, this.#column - count);
        return;
      case 'G':
        this.#column = Math.min(COLUMNS_MAX, count - 1);
        return;
      default:
    }
  }
}

function spansOf(row: readonly Cell[]): Line {
  const spans: Span[] = [];
  for (const { char, style } of row) {
    const last = spans.at(-1);
    if (last?.style === style) last.text += char;
    else spans.push({ text: char, style });
  }
  return spans;
}

/** `1;31`, `38;5;208`, `38:2::255:0:0`: colours become the nearest of sixteen, which every theme can show. */
function styled(before: Style, params: string): Style {
  const codes = params.split(/[;:]/).map((code) => Number.parseInt(code, 10) || 0);
  let style = { ...before };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] as number;
    if (code === 38 || code === 48) {
      const { colour, used } = chosen(codes.slice(at + 1), params.includes(':'));
      if (code === 38) style.colour = colour;
      else style.back = colour;
      at += used;
    } else style = { ...style, ...simple(code) };
  }
  return style;
}

function simple(code: number): Partial<Style> {
  if (code >= 30 && code <= 37) return { colour: code - 30 };
  if (code >= 90 && code <= 97) return { colour: code - 82 };
  if (code >= 40 && code <= 47) return { back: code - 40 };
  if (code >= 100 && code <= 107) return { back: code - 92 };
  const known: Readonly<Record<number, Partial<Style>>> = {
    0: PLAIN,
    1: { bold: true },
    2: { faint: true },
    3: { italic: true },
    4: { underline: true },
    22: { bold: false, faint: false },
    23: { italic: false },
    24: { underline: false },
    39: { colour: undefined },
    49: { back: undefined },
  };
  return known[code] ?? {};
}

function chosen(rest: readonly number[], colons: boolean): { colour: number | undefined; used: number } {
  if (rest[0] === 5) return { colour: ofTable(rest[1] ?? 0), used: 2 };
  if (rest[0] !== 2) return { colour: undefined, used: 0 };
  // With colons a colour space may stand before the three.
  const from = colons && rest.length >= 5 ? 2 : 1;
  return { colour: nearest(rest[from] ?? 0, rest[from + 1] ?? 0, rest[from + 2] ?? 0), used: from + 2 };
}

/** Of the 256: sixteen, a cube of six a side, a row of greys. */
function ofTable(index: number): number | undefined {
  if (index < 16) return index;
  if (index > 255) return undefined;
  if (index >= 232) return nearest((index - 232) * 10 + 8, (index - 232) * 10 + 8, (index - 232) * 10 + 8);
  const step = (value: number): number => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return nearest(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6));
}

/** xterm's sixteen. */
// biome-ignore format: a table
const SIXTEEN: readonly (readonly [number, number, number])[] = [
  [0, 0, 0], [205, 0, 0], [0, 205, 0], [205, 205, 0], [0, 0, 238], [205, 0, 205], [0, 205, 205], [229, 229, 229],
  [127, 127, 127], [255, 0, 0], [0, 255, 0], [255, 255, 0], [92, 92, 255], [255, 0, 255], [0, 255, 255], [255, 255, 255],
];

function nearest(red: number, green: number, blue: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, [r, g, b]] of SIXTEEN.entries()) {
    const far = (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2;
    if (far < least) [best, least] = [index, far];
  }
  return best;
}
