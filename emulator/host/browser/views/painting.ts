// SPDX-License-Identifier: MIT
/** The worker's side of a painter: holds the canvases that the page has given to it, and draws on them. */
import type { ToPaintWorker } from './painter.js';
import { draw } from './picture.js';

/** Takes the messages of a `workerPainter`, in their order. `onDrawn` is called when a picture has been drawn. */
export function createPainting(onDrawn: () => void): (message: ToPaintWorker) => void {
  const surfaces = new Map<number, unknown>();
  return (message) => {
    if (message.do === 'take') surfaces.set(message.canvas, message.surface);
    else if (message.do === 'draw') {
      draw(surfaces.get(message.canvas), message.picture);
      onDrawn();
    } else surfaces.delete(message.canvas);
  };
}
