// At most one repaint per animation frame, however fast events come. While the
// page is hidden nothing is painted; the state itself is always current.
export function painter(paint: () => void): { request: () => void; stop: () => void } {
  let frame = 0;
  return {
    request: () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        paint();
      });
    },
    stop: () => cancelAnimationFrame(frame),
  };
}
