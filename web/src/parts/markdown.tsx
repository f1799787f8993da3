// Draws Markdown (markdown/) while it is being written: what stands stays as it is
// on the screen, only what changed is drawn anew. Text from the model is hostile:
// no HTML, links by allow-list, no remote images. Not for diffs and output.
import { createEffect, createMemo, createSignal, Index, Match, on, Show, Switch } from 'solid-js';
import { hasUnknown, learn } from '../markdown/entities.ts';
import { Growing } from '../markdown/grow.ts';
import { readInlines } from '../markdown/inlines.ts';
import { Copy } from './copy.tsx';
import type { Block, Inline, References } from '../markdown/nodes.ts';

const LINK = /^(https?:|mailto:)/i;

/** A link that a tap may follow, or undefined. */
export function safeUrl(value: string): string | undefined {
  // Control characters and blanks are ignored by URL parsers: so they are here.
  const url = value.replace(/[\u0000-\u0020]/g, '');
  return LINK.test(url) ? url : undefined;
}

// The names of all characters are asked for once a text has one that is not known.
const [named, setNamed] = createSignal(0);
let asked = false;
function learnNames(): void {
  if (asked) return;
  asked = true;
  void import('character-entities').then(({ characterEntities }) => {
    learn(characterEntities);
    setNamed(1);
  });
}

interface Around {
  references: References;
  /** It is still being written, and this is its end. */
  open: boolean;
}

export function Markdown(props: { text: string; done: boolean; painted?: () => void }) {
  const growing = createMemo(on(named, () => new Growing()));
  const reading = createMemo(() => growing().read(props.text, props.done));
  createEffect(() => hasUnknown(props.text) && learnNames());
  createEffect(on(reading, () => props.painted?.()));
  const blocks = (): readonly Block[] => reading().blocks;
  return (
    <div class="md">
      <Blocks
        blocks={blocks()}
        around={{ references: reading().references, open: !props.done }}
        tight={false}
      />
    </div>
  );
}

function Blocks(props: { blocks: readonly Block[]; around: Around; tight: boolean }) {
  const around = (at: number): Around => ({
    ...props.around,
    open: props.around.open && at === props.blocks.length - 1,
  });
  return (
    <Index each={props.blocks}>
      {(block, at) => <BlockView block={block()} around={around(at)} tight={props.tight} />}
    </Index>
  );
}

type Of<T extends Block['type']> = Extract<Block, { type: T }>;

function BlockView(props: { block: Block; around: Around; tight: boolean }) {
  const is = <T extends Block['type']>(type: T): Of<T> | undefined =>
    props.block.type === type ? (props.block as Of<T>) : undefined;
  return (
    <Switch>
      <Match when={is('paragraph')}>
        {(block) => (
          <Show when={!props.tight} fallback={<Inlines text={block().text} around={props.around} />}>
            <p>
              <Inlines text={block().text} around={props.around} />
            </p>
          </Show>
        )}
      </Match>
      <Match when={is('heading')}>
        {(block) => (
          <div class={`heading h${block().level}`} role="heading" aria-level={Math.min(6, block().level + 2)}>
            <Inlines text={block().text} around={props.around} />
          </div>
        )}
      </Match>
      <Match when={is('code')}>
        {(block) => (
          <div class="code">
            <pre tabindex="0" role="region" aria-label="Code">
              <code data-language={block().info.split(/\s/)[0]}>{block().text}</code>
            </pre>
            <Copy text={() => block().text} what="code" />
          </div>
        )}
      </Match>
      <Match when={is('html')}>
        {(block) => (
          <pre tabindex="0" role="region" aria-label="HTML">
            <code>{block().text}</code>
          </pre>
        )}
      </Match>
      <Match when={is('rule')}>
        <hr />
      </Match>
      <Match when={is('quote')}>
        {(block) => (
          <blockquote>
            <Blocks blocks={block().children} around={props.around} tight={false} />
          </blockquote>
        )}
      </Match>
      <Match when={is('list')}>{(block) => <List list={block()} around={props.around} />}</Match>
      <Match when={is('table')}>{(block) => <Table table={block()} around={props.around} />}</Match>
    </Switch>
  );
}

function List(props: { list: Of<'list'>; around: Around }) {
  const items = (
    <Index each={props.list.items}>
      {(item, at) => (
        <li classList={{ task: item().checked !== undefined }}>
          <Show when={item().checked !== undefined}>
            <span class="tick" role="img" aria-label={item().checked ? 'done' : 'to do'}>
              {item().checked ? '☑' : '☐'}
            </span>{' '}
          </Show>
          <Blocks
            blocks={item().children}
            tight={props.list.tight}
            around={{ ...props.around, open: props.around.open && at === props.list.items.length - 1 }}
          />
        </li>
      )}
    </Index>
  );
  return (
    <Show when={props.list.ordered} fallback={<ul>{items}</ul>}>
      <ol start={props.list.start}>{items}</ol>
    </Show>
  );
}

function Table(props: { table: Of<'table'>; around: Around }) {
  const side = (at: number): string => (props.table.align[at] ? `to-${props.table.align[at]}` : '');
  return (
    <div class="table" tabindex="0" role="region" aria-label="Table">
      <table>
        <thead>
          <tr>
            <Index each={props.table.head}>
              {(cell, at) => (
                <th class={side(at)} scope="col">
                  <Inlines text={cell()} around={props.around} />
                </th>
              )}
            </Index>
          </tr>
        </thead>
        <tbody>
          <Index each={props.table.rows}>
            {(row) => (
              <tr>
                <Index each={row()}>
                  {(cell, at) => (
                    <td class={side(at)}>
                      <Inlines text={cell()} around={props.around} />
                    </td>
                  )}
                </Index>
              </tr>
            )}
          </Index>
        </tbody>
      </table>
    </div>
  );
}

function Inlines(props: { text: string; around: Around }) {
  const text = createMemo(() => props.text);
  const open = createMemo(() => props.around.open);
  const references = createMemo(() => props.around.references);
  const nodes = createMemo(() => {
    named();
    return readInlines(text(), references(), { open: open() });
  });
  return <Nodes nodes={nodes()} />;
}

function Nodes(props: { nodes: readonly Inline[] }) {
  return <Index each={props.nodes}>{(node) => <InlineView node={node()} />}</Index>;
}

/** What several kinds have in one shape is one kind to the compiler. */
type Node<T extends Inline['type']> = Extract<Inline, { type: string }> & { type: T } & (T extends
    | 'link'
    | 'image'
    ? { to: string; title: string; children: readonly Inline[] }
    : T extends 'emphasis' | 'strong' | 'deleted'
      ? { children: readonly Inline[] }
      : unknown);

function InlineView(props: { node: Inline }) {
  const is = <T extends Inline['type']>(type: T): Node<T> | undefined =>
    props.node.type === type ? (props.node as Node<T>) : undefined;
  return (
    <Switch>
      <Match when={is('text')}>{(node) => <>{node().text}</>}</Match>
      <Match when={is('html')}>{(node) => <>{node().text}</>}</Match>
      <Match when={is('code')}>{(node) => <code>{node().text}</code>}</Match>
      <Match when={is('emphasis')}>
        {(node) => (
          <em>
            <Nodes nodes={node().children} />
          </em>
        )}
      </Match>
      <Match when={is('strong')}>
        {(node) => (
          <strong>
            <Nodes nodes={node().children} />
          </strong>
        )}
      </Match>
      <Match when={is('deleted')}>
        {(node) => (
          <del>
            <Nodes nodes={node().children} />
          </del>
        )}
      </Match>
      <Match when={is('break')}>
        {(node) => (
          <Show when={node().hard} fallback={'\n'}>
            <br />
          </Show>
        )}
      </Match>
      <Match when={is('link')}>
        {(node) => (
          <Show when={node().to} fallback={<Nodes nodes={node().children} />}>
            <a
              href={safeUrl(node().to)}
              title={node().title || undefined}
              target="_blank"
              rel="noopener noreferrer"
            >
              <Nodes nodes={node().children} />
            </a>
          </Show>
        )}
      </Match>
      {/* A remote image would tell its server that the message was read. */}
      <Match when={is('image')}>
        {(node) => (
          <a class="image" href={safeUrl(node().to)} target="_blank" rel="noopener noreferrer">
            image:{' '}
            <Show when={node().children.length} fallback={node().to.slice(0, 200)}>
              <Nodes nodes={node().children} />
            </Show>
          </a>
        )}
      </Match>
    </Switch>
  );
}
