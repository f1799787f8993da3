// What went wrong, in its own words.
export function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}
