// What a person does with a thread as a whole: its name, its place among the archived. Not for turns (orders.ts).
import type { Client } from './client.ts';
import { offerUndo } from './undo.ts';

export async function rename(client: Client, thread: string, before: string, name: string): Promise<void> {
  const set = (to: string): Promise<unknown> =>
    client.call('thread/name/set', { threadId: thread, name: to });
  await set(name);
  // Codex takes no empty name: what had none can't have none again.
  if (before) offerUndo(`Renamed to “${name}”.`, async () => void (await set(before)));
}

export async function archive(client: Client, thread: string): Promise<void> {
  await client.call('thread/archive', { threadId: thread });
  offerUndo('Archived.', () => unarchive(client, thread));
}

export async function unarchive(client: Client, thread: string): Promise<void> {
  await client.call('thread/unarchive', { threadId: thread });
}

/** What was unread is read, as far as `revision` knows; another one since then leaves it unread. */
export async function markRead(client: Client, thread: string, revision: string): Promise<void> {
  await client
    .call('thread/readState/update', {
      threadId: thread,
      operation: { type: 'read' },
      expectedRevision: revision,
    })
    .catch(() => undefined);
}
