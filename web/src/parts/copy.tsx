// A button that copies plain text, and says that it did.
import { createSignal, onCleanup } from 'solid-js';

const SAID_MS = 2_000;

export function Copy(props: { text: () => string; what: string }) {
  const [said, setSaid] = createSignal('');
  let timer: ReturnType<typeof setTimeout> | undefined;
  const copy = async (): Promise<void> => {
    const done = await navigator.clipboard.writeText(props.text()).then(
      () => true,
      () => false,
    );
    setSaid(done ? 'Copied' : 'Not copied: this browser does not allow it');
    clearTimeout(timer);
    timer = setTimeout(() => setSaid(''), SAID_MS);
  };
  onCleanup(() => clearTimeout(timer));
  return (
    <button type="button" class="copy" aria-label={`Copy ${props.what}`} onClick={() => void copy()}>
      <span aria-live="polite">{said() || 'Copy'}</span>
    </button>
  );
}
