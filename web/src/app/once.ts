// A second tap while the first one is under way is the first one.
export function once<Args extends unknown[]>(
  run: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  let underWay: Promise<void> | undefined;
  return (...args) => {
    underWay ??= run(...args).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
