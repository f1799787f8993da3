// CommonMark's own examples and GitHub's, a text that grows in pieces, and what was
// misprinted once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { characterEntities } from 'character-entities';
import spec from 'commonmark-spec';
import { seeded } from '../testing/fake-relay.ts';
import { toHtml } from '../testing/markdown-html.ts';
import { readBlocks } from './blocks.ts';
import { hasUnknown, learn } from './entities.ts';
import { Growing } from './grow.ts';
import { readInlines } from './inlines.ts';

test('names of characters are known once they were learned', () => {
  assert.equal(toHtml('&amp;&ouml;'), '<p>&amp;&amp;ouml;</p>\n');
  assert.deepEqual([hasUnknown('&amp;'), hasUnknown('a & b;'), hasUnknown('&ouml;')], [false, false, true]);
  learn(characterEntities);
  assert.deepEqual([toHtml('&amp;&ouml;'), hasUnknown('&ouml;')], ['<p>&amp;ö</p>\n', false]);
});

const examples = spec.tests.map((example) => ({
  ...example,
  markdown: example.markdown.replaceAll('→', '\t'),
  html: example.html.replaceAll('→', '\t'),
}));

for (const section of new Set(examples.map((example) => example.section))) {
  test(`CommonMark: ${section}`, () => {
    for (const { markdown, html, number } of examples.filter((example) => example.section === section))
      assert.equal(toHtml(markdown, 'commonmark'), html, `example ${number}`);
  });
}

const p = (...texts: string[]): string => texts.map((text) => `<p>${text}</p>\n`).join('');
const a = (to: string, text = to): string => `<a href="${to}">${text}</a>`;
const www = (rest: string): string => a(`http://www.${rest}`, `www.${rest}`);
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly string[] = [],
): string {
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>\n${cells.map((cell, at) => `<${tag}${align[at] ? ` align="${align[at]}"` : ''}>${cell}</${tag}>\n`).join('')}</tr>\n`;
  return `<table>\n<thead>\n${row('th', head)}</thead>\n${rows.length ? `<tbody>\n${rows.map((cells) => row('td', cells)).join('')}</tbody>\n` : ''}</table>\n`;
}

/** What GitHub adds: the examples of its specification, and of its own implementation. */
const GITHUB: readonly (readonly [string, string])[] = [
  ['| foo | bar |\n| --- | --- |\n| baz | bim |', table(['foo', 'bar'], [['baz', 'bim']])],
  [
    '| abc | defghi |\n:-: | -----------:\nbar | baz',
    table(['abc', 'defghi'], [['bar', 'baz']], ['center', 'right']),
  ],
  [
    '| f\\|oo  |\n| ------ |\n| b `\\|` az |\n| b **\\|** im |',
    table(['f|oo'], [['b <code>|</code> az'], ['b <strong>|</strong> im']]),
  ],
  [
    '| abc | def |\n| --- | --- |\n| bar | baz |\n> bar',
    `${table(['abc', 'def'], [['bar', 'baz']])}<blockquote>\n<p>bar</p>\n</blockquote>\n`,
  ],
  [
    '| abc | def |\n| --- | --- |\n| bar | baz |\nbar\n\nbar',
    table(
      ['abc', 'def'],
      [
        ['bar', 'baz'],
        ['bar', ''],
      ],
    ) + p('bar'),
  ],
  ['| abc | def |\n| --- |\n| bar |', p('| abc | def |\n| --- |\n| bar |')],
  [
    '| abc | def |\n| --- | --- |\n| bar |\n| bar | baz | boo |',
    table(
      ['abc', 'def'],
      [
        ['bar', ''],
        ['bar', 'baz'],
      ],
    ),
  ],
  ['| abc | def |\n| --- | --- |', table(['abc', 'def'], [])],
  [
    '- [ ] foo\n- [x] bar',
    '<ul>\n<li><input disabled="" type="checkbox"> foo</li>\n<li><input checked="" disabled="" type="checkbox"> bar</li>\n</ul>\n',
  ],
  [
    '- [x] foo\n  - [ ] bar\n  - [x] baz\n- [ ] bim',
    '<ul>\n<li><input checked="" disabled="" type="checkbox"> foo\n<ul>\n<li><input disabled="" type="checkbox"> bar</li>\n<li><input checked="" disabled="" type="checkbox"> baz</li>\n</ul>\n</li>\n<li><input disabled="" type="checkbox"> bim</li>\n</ul>\n',
  ],
  ['~~Hi~~ Hello, ~there~ world!', p('<del>Hi</del> Hello, <del>there</del> world!')],
  ['This ~~has a\n\nnew paragraph~~.', p('This ~~has a', 'new paragraph~~.')],
  ['This will ~~~not~~~ strike.', p('This will ~~~not~~~ strike.')],
  ['www.commonmark.org', p(www('commonmark.org'))],
  [
    'Visit www.commonmark.org/help for more information.',
    p(`Visit ${www('commonmark.org/help')} for more information.`),
  ],
  [
    'Visit www.commonmark.org.\n\nVisit www.commonmark.org/a.b.',
    p(`Visit ${www('commonmark.org')}.`, `Visit ${www('commonmark.org/a.b')}.`),
  ],
  [
    'www.google.com/search?q=Markup+(business)\n\nwww.google.com/search?q=Markup+(business)))\n\n(www.google.com/search?q=Markup+(business))\n\n(www.google.com/search?q=Markup+(business)',
    (() => {
      const a = www('google.com/search?q=Markup+(business)');
      return p(a, `${a}))`, `(${a})`, `(${a}`);
    })(),
  ],
  ['www.google.com/search?q=(business))+ok', p(www('google.com/search?q=(business))+ok'))],
  [
    'www.google.com/search?q=commonmark&hl=en\n\nwww.google.com/search?q=commonmark&hl;',
    p(www('google.com/search?q=commonmark&amp;hl=en'), `${www('google.com/search?q=commonmark')}&amp;hl;`),
  ],
  ['www.commonmark.org/he<lp', p(`${www('commonmark.org/he')}&lt;lp`)],
  [
    'http://commonmark.org\n\n(Visit https://encrypted.google.com/search?q=Markup+(business))',
    p(a('http://commonmark.org'), `(Visit ${a('https://encrypted.google.com/search?q=Markup+(business)')})`),
  ],
  ['foo@bar.baz', p(a('mailto:foo@bar.baz', 'foo@bar.baz'))],
  [
    "hello@mail+xyz.example isn't valid, but hello+xyz@mail.example is.",
    p(
      `hello@mail+xyz.example isn't valid, but ${a('mailto:hello+xyz@mail.example', 'hello+xyz@mail.example')} is.`,
    ),
  ],
  [
    'a.b-c_d@a.b\n\na.b-c_d@a.b.\n\na.b-c_d@a.b-\n\na.b-c_d@a.b_',
    p(
      a('mailto:a.b-c_d@a.b', 'a.b-c_d@a.b'),
      `${a('mailto:a.b-c_d@a.b', 'a.b-c_d@a.b')}.`,
      'a.b-c_d@a.b-',
      'a.b-c_d@a.b_',
    ),
  ],
  [
    '| a | b |\n| --- | --- |\n| \\\\ | `\\\\` |\n| \\\\\\\\ | `\\\\\\\\` |\n| \\_ | `\\_` |\n| \\| | `\\|` |\n| \\a | `\\a` |',
    table(
      ['a', 'b'],
      [
        ['\\', '<code>\\\\</code>'],
        ['\\\\', '<code>\\\\\\\\</code>'],
        ['_', '<code>\\_</code>'],
        ['|', '<code>|</code>'],
        ['\\a', '<code>\\a</code>'],
      ],
    ),
  ],
  ['| a |\n--- |', table(['a'], [])],
  ['|x|\n|-|', table(['x'], [])],
  ['| a | b | c |\n| --- | --- | --- |\n| d || e |', table(['a', 'b', 'c'], [['d', '', 'e']])],
  ['123\n456\n| a | b |\n| ---| --- |\nd | e', p('123\n456') + table(['a', 'b'], [['d', 'e']])],
  ['| a | b |\n| --- | --- |\n|***(a)***|', table(['a', 'b'], [['<em><strong>(a)</strong></em>', '']])],
  [
    "These are ~not strikethroughs.\n\nNo, they are not~\n\nThis ~is ~ legit~ isn't ~ legit.\n\nThis is not ~~~~~one~~~~~ huge strikethrough.\n\n~one~ ~~two~~ ~~~three~~~\n\nNo ~mismatch~~",
    p(
      'These are ~not strikethroughs.',
      'No, they are not~',
      "This <del>is ~ legit</del> isn't ~ legit.",
      'This is not ~~~~~one~~~~~ huge strikethrough.',
      '<del>one</del> <del>two</del> ~~~three~~~',
      'No ~mismatch~~',
    ),
  ],
  [
    '~~www.google.com~~\n\n~~http://google.com~~',
    p(`<del>${www('google.com')}</del>`, `<del>${a('http://google.com')}</del>`),
  ],
  ['**Autolink and http://inlines**', p(`<strong>Autolink and ${a('http://inlines')}</strong>`)],
  [
    'http://🍄.ga/ http://x🍄.ga/',
    p(`${a('http://%F0%9F%8D%84.ga/', 'http://🍄.ga/')} ${a('http://x%F0%9F%8D%84.ga/', 'http://x🍄.ga/')}`),
  ],
  [
    '"http://google.com"\n\n\'http://google.com\'',
    p(`&quot;${a('http://google.com')}&quot;`, `'${a('http://google.com')}'`),
  ],
  ['* @a.b.c@. x\n* n@.  b', '<ul>\n<li>@a.b.c@. x</li>\n<li>n@.  b</li>\n</ul>\n'],
  ["This shouldn't crash everything: (_A_@_.A", p("This shouldn't crash everything: (<em>A</em>@_.A")],
];

test('what GitHub adds', () => {
  for (const [markdown, html] of GITHUB) assert.equal(toHtml(markdown, 'github'), html, markdown);
});

test('identifiers, paths and maths are never altered', () => {
  for (const text of [
    'my_function_name',
    'MAX_RETRY_COUNT',
    'pkg/__init__.py',
    '__init__',
    'self.__dict__ and cls.__name__',
    '__init__.py is there',
    'a * b * c',
    '2*3*4',
    'f(*args, **kwargs) and g(**kwargs)',
    'src/**/*.ts, lib/**/*.ts',
    '**/*.ts and **/*.js',
    'snake_case_ and _private',
    '$x^2$ and $a_1 * b_1 * c$',
    '\\(x_1 * y * z\\)',
    '--force-with-lease',
    'std::vector',
    'costs $5 or $6',
  ])
    assert.deepEqual(readInlines(text, new Map()), [{ type: 'text', text }], text);
  assert.equal(toHtml('[x](https://example.com/Foo_(bar))'), p(a('https://example.com/Foo_(bar)', 'x')));
});

test('emphasis is still emphasis', () => {
  assert.equal(
    toHtml('_one_, *two*, **three**/**four**, 这是**粗体**字, (_five_), __six seven__.'),
    p(
      '<em>one</em>, <em>two</em>, <strong>three</strong>/<strong>four</strong>, 这是<strong>粗体</strong>字, (<em>five</em>), <strong>six seven</strong>.',
    ),
  );
});

test('a text that grows is read as the whole is, whatever it was cut into', () => {
  const seed = Date.now() % 1_000_000;
  const random = seeded(seed);
  const all = [...GITHUB.map(([markdown]) => markdown), ...examples.map(({ markdown }) => markdown)];
  for (const text of [...all, all.slice(0, 150).join('\n\n')]) {
    const growing = new Growing();
    for (let at = 0; at < text.length; at += 1 + Math.floor(random() * 6))
      growing.read(text.slice(0, at), false);
    const { blocks, references } = growing.read(text, true);
    const whole = readBlocks(text);
    assert.deepEqual(
      [blocks, [...references]],
      [whole.blocks, [...whole.references]],
      `seed ${seed}: ${text}`,
    );
  }
});

test('what stands before the last block keeps its identity while the text grows', () => {
  const growing = new Growing();
  const first = growing.read('# One\n\ntwo\n\n- three\n', false).blocks;
  const then = growing.read('# One\n\ntwo\n\n- three\n- four\n\nfive', false).blocks;
  assert.deepEqual([then[0] === first[0], then[1] === first[1], then.length], [true, true, 4]);
});

test('while it is written marks wait for what they are about, and what is open reads as if it were closed', () => {
  const seen = (text: string): unknown => {
    const { blocks, references } = new Growing().read(text, false);
    const last = blocks.at(-1);
    return last?.type === 'paragraph' ? readInlines(last.text, references, { open: true }) : last?.type;
  };
  assert.deepEqual(seen('some **bold'), [
    { type: 'text', text: 'some ' },
    { type: 'strong', children: [{ type: 'text', text: 'bold' }] },
  ]);
  assert.deepEqual(seen('a `code'), [
    { type: 'text', text: 'a ' },
    { type: 'code', text: 'code' },
  ]);
  assert.deepEqual(seen('see [here](https://exa'), [
    { type: 'text', text: 'see ' },
    { type: 'link', to: '', title: '', children: [{ type: 'text', text: 'here' }] },
  ]);
  assert.deepEqual(seen('text\n-'), [{ type: 'text', text: 'text' }]);
  assert.deepEqual(seen('a | b\n-|'), [{ type: 'text', text: 'a | b' }]);
});

// Each grows the work of a careless reader with its square; here the test's own limit of time would end it.
test('hostile texts are read in a moment', () => {
  const many = (text: string, count = 20_000): string => text.repeat(count);
  const ticks = Array.from({ length: 400 }, (_, at) => '`'.repeat(at)).join(' ');
  const nested = Array.from({ length: 400 }, (_, at) => `${' '.repeat(at * 2)}- a`).join('\n');
  for (const text of [
    many('>'),
    many('*a '),
    many('a**b'),
    many('['),
    many('[a]('),
    ticks,
    many('- '),
    many('[a]: b\n'),
    many('<'),
    many('<a '),
    many('<!--'),
    many('<![CDATA['),
    many('<?'),
    many('&'),
    `${many('|')}\n${many('|-')}`,
    nested,
    many('www.'),
    many('a@'),
    `${many('a.')}@`,
    `http://a${many(')')}`,
    many('!['),
    many('```\n'),
    `<a${many(' a="')}`,
    `[a](${many('(')}`,
    many('[a](b "'),
    many('\\'),
  ])
    toHtml(text);
});
