// The tree as the specifications' examples write it. For tests alone.
import { readBlocks } from '../markdown/blocks.ts';
import { readInlines } from '../markdown/inlines.ts';
import type { Options } from '../markdown/inlines.ts';
import type { Block, Inline, References } from '../markdown/nodes.ts';

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const address = (to: string): string =>
  escaped(encodeURI(to.replace(/%(?![0-9a-fA-F]{2})/g, '%25')).replace(/%25([0-9a-fA-F]{2})/g, '%$1'));

type Flavor = NonNullable<Options['flavor']>;
let flavor: Flavor = 'zane';

export function toHtml(markdown: string, as: Flavor = 'zane'): string {
  flavor = as;
  const { blocks, references } = readBlocks(markdown);
  return blocks.map((block) => ofBlock(block, references, false)).join('');
}

function ofBlock(block: Block, refs: References, tight: boolean): string {
  const inline = (text: string): string => readInlines(text, refs, { flavor }).map(ofInline).join('');
  switch (block.type) {
    case 'paragraph':
      return tight ? `${inline(block.text)}\n` : `<p>${inline(block.text)}</p>\n`;
    case 'heading':
      return `<h${block.level}>${inline(block.text)}</h${block.level}>\n`;
    case 'code': {
      const language = block.info.split(/\s/)[0];
      return `<pre><code${language ? ` class="language-${escaped(language)}"` : ''}>${escaped(block.text)}</code></pre>\n`;
    }
    case 'html':
      return `${block.text}\n`;
    case 'rule':
      return '<hr />\n';
    case 'quote':
      return `<blockquote>\n${block.children.map((child) => ofBlock(child, refs, false)).join('')}</blockquote>\n`;
    case 'list': {
      const tag = block.ordered ? 'ol' : 'ul';
      const start = block.ordered && block.start !== 1 ? ` start="${block.start}"` : '';
      return `<${tag}${start}>\n${block.items.map((item) => ofItem(item.children, item.checked, refs, block.tight)).join('')}</${tag}>\n`;
    }
    case 'table': {
      const cell = (tag: string, text: string, at: number): string =>
        `<${tag}${block.align[at] ? ` align="${block.align[at]}"` : ''}>${inline(text)}</${tag}>\n`;
      const row = (tag: string, cells: readonly string[]): string =>
        `<tr>\n${cells.map((text, at) => cell(tag, text, at)).join('')}</tr>\n`;
      const body = block.rows.length
        ? `<tbody>\n${block.rows.map((cells) => row('td', cells)).join('')}</tbody>\n`
        : '';
      return `<table>\n<thead>\n${row('th', block.head)}</thead>\n${body}</table>\n`;
    }
  }
}

function ofItem(
  children: readonly Block[],
  checked: boolean | undefined,
  refs: References,
  tight: boolean,
): string {
  const box =
    checked === undefined ? '' : `<input ${checked ? 'checked="" ' : ''}disabled="" type="checkbox"> `;
  if (children.length === 0) return `<li>${box}</li>\n`;
  let out = '';
  for (const [at, child] of children.entries()) {
    const html = ofBlock(child, refs, tight);
    if (tight && child.type === 'paragraph')
      out +=
        (out === '' || out.endsWith('\n') ? '' : '\n') +
        (at === children.length - 1 ? html.slice(0, -1) : html);
    else out += (out === '' ? '\n' : out.endsWith('\n') ? '' : '\n') + html;
  }
  if (box) out = tight ? box + out : out.replace('<p>', `<p>${box}`);
  return `<li>${out}</li>\n`;
}

function ofInline(node: Inline): string {
  switch (node.type) {
    case 'text':
      return escaped(node.text);
    case 'code':
      return `<code>${escaped(node.text)}</code>`;
    case 'html':
      return node.text;
    case 'break':
      return node.hard ? '<br />\n' : '\n';
    case 'link':
      return `<a href="${address(node.to)}"${node.title ? ` title="${escaped(node.title)}"` : ''}>${node.children.map(ofInline).join('')}</a>`;
    case 'image':
      return `<img src="${address(node.to)}" alt="${node.children.map(textOf).join('')}"${node.title ? ` title="${escaped(node.title)}"` : ''} />`;
    default: {
      const tag = { emphasis: 'em', strong: 'strong', deleted: 'del' }[node.type];
      return `<${tag}>${node.children.map(ofInline).join('')}</${tag}>`;
    }
  }
}

function textOf(node: Inline): string {
  if (node.type === 'text' || node.type === 'code') return escaped(node.text);
  return 'children' in node ? node.children.map(textOf).join('') : '';
}
