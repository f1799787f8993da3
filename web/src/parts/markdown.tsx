// Streaming Markdown: what is already drawn stays, only the new tail is parsed.
// Text from the model is hostile: no HTML, links by allow-list, no remote images.
// Not for diffs and command output, which are plain text.
import { createEffect, onCleanup } from 'solid-js';
import * as smd from 'streaming-markdown';

const LINK = /^(https?:|mailto:)/i;

/** A link that a tap may follow, or undefined. */
export function safeUrl(value: string): string | undefined {
  // Control characters and blanks are ignored by URL parsers: so they are here.
  const url = value.replace(/[\u0000-\u0020]/g, '');
  return LINK.test(url) ? url : undefined;
}

function renderer(root: HTMLElement): smd.Default_Renderer {
  const base = smd.default_renderer(root);
  return { ...base, set_attr: (data, type, value) => setAttr(data, type, value) };
}

function setAttr(data: smd.Default_Renderer_Data, type: smd.Attr, value: string): void {
  const node = data.nodes[data.index];
  if (type === smd.Attr.Href) {
    const url = safeUrl(value);
    if (!url || !node) return;
    node.setAttribute('href', url);
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  } else if (type === smd.Attr.Src) {
    // A remote image would tell its server that the message was read.
    node?.setAttribute('alt', `image: ${value.slice(0, 200)}`);
  } else smd.default_set_attr(data, type, value);
}

export function Markdown(props: { text: string; done: boolean; painted?: () => void }) {
  let root!: HTMLDivElement;
  let parser: smd.Parser | undefined;
  let drawn = '';
  let ended = false;

  const draw = (text: string, done: boolean): void => {
    if (!parser || !text.startsWith(drawn) || (ended && text !== drawn)) {
      root.replaceChildren();
      parser = smd.parser(renderer(root));
      drawn = '';
      ended = false;
    }
    if (text.length > drawn.length) smd.parser_write(parser, text.slice(drawn.length));
    drawn = text;
    if (done && !ended) {
      smd.parser_end(parser);
      ended = true;
    }
    props.painted?.();
  };
  createEffect(() => draw(props.text, props.done));
  onCleanup(() => {
    parser = undefined;
  });
  return <div class="md" ref={root} />;
}
