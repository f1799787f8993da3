// One thread in a list: its title, where it works, and what a person should know of it now.
import { Show } from 'solid-js';
import type { Client } from '../app/client.ts';
import { ago } from '../model/freshness.ts';
import type { ThreadRow } from '../model/thread-list.ts';
import { visibleLine } from '../model/visible.ts';

export const folderName = (cwd: string): string => visibleLine(cwd.split('/').filter(Boolean).at(-1) ?? cwd);

/** `snippet`: where what was searched for is said. */
export function ThreadRowView(props: {
  row: ThreadRow;
  client: Client;
  href: string;
  open?: number;
  needs?: boolean;
  snippet?: string;
}) {
  const known = (): boolean => props.client.hops().every((hop) => hop.state === 'proven');
  const status = (): { word: string; kind: string } => {
    if (props.needs)
      return { word: (props.open ?? 0) > 1 ? `needs you · ${props.open}` : 'needs you', kind: 'needs' };
    if (props.row.status === 'active')
      return known() ? { word: 'running', kind: 'busy' } : { word: 'unknown', kind: 'unknown' };
    if (props.row.status === 'systemError') return { word: 'error', kind: 'bad' };
    return { word: '', kind: '' };
  };
  return (
    <li>
      <a class="row" href={props.href} data-thread-id={props.row.id}>
        <span class="main">
          <span class="title">
            <Show when={props.row.unread}>
              <span class="unread" role="img" aria-label="Unread" />
            </Show>
            {props.row.title || 'Untitled thread'}
          </span>
          <Show when={props.snippet}>
            <span class="snippet">{props.snippet}</span>
          </Show>
          <span class="sub">
            {folderName(props.row.cwd)}
            <Show when={props.row.branch}> · {props.row.branch}</Show> ·{' '}
            {ago(props.row.updatedAtMs, props.client.now())}
          </span>
        </span>
        <Show when={status().word}>
          <span class={`pill ${status().kind}`}>{status().word}</span>
        </Show>
      </a>
    </li>
  );
}
