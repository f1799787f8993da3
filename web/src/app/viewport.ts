// Keeps the app exactly as tall as what the keyboard leaves free, so that the
// composer is never under it. iOS does not shrink the page for its keyboard.
export function keepInView(): void {
  const view = window.visualViewport;
  if (!view) return;
  const fit = (): void => {
    const root = document.documentElement.style;
    root.setProperty('--height', `${view.height}px`);
    root.setProperty('--top', `${view.offsetTop}px`);
  };
  view.addEventListener('resize', fit);
  view.addEventListener('scroll', fit);
  fit();
}
