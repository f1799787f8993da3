// The last thing that was done and can be undone, for some seconds. One at a time: the next takes its place.
import { createSignal } from 'solid-js';

const OFFERED_MS = 8_000;

export interface Undo {
  words: string;
  undo: () => Promise<void>;
}

const [offered, setOffered] = createSignal<Undo | undefined>();
export { offered };

export function offerUndo(words: string, undo: () => Promise<void>): void {
  const offer: Undo = { words, undo };
  setOffered(offer);
  setTimeout(() => offered() === offer && setOffered(undefined), OFFERED_MS);
}

export function withdrawOffer(): void {
  setOffered(undefined);
}
