// SPDX-License-Identifier: MIT
/** Who draws pictures on the canvases of the page: the page itself, or a worker of its own where the browser has OffscreenCanvas. */
import { isHolds, whenEnded, type Holds } from '../../../engines/v86/host-browser/lifeline.js';
import { draw, type Picture } from './picture.js';

/** Draws on canvases that are as large as their pictures. No canvas is ever given to two painters. */
export interface Painter {
  /** Part of the key of each canvas, so that another painter gets new ones. */
  readonly name: 'page' | 'worker';
  /** Does nothing where the canvas has this picture already: a page is rendered more often than its pictures change. */
  draw(canvas: object, picture: Picture): void;
}

/** What the worker is told. `canvas`: its number. */
export type ToPaintWorker =
  | { readonly do: 'take'; readonly canvas: number; readonly surface: unknown }
  | { readonly do: 'draw'; readonly canvas: number; readonly picture: Picture }
  | { readonly do: 'forget'; readonly canvas: number };

/** What the worker tells: that it runs and can draw, and each time that it has drawn. */
export interface FromPaintWorker {
  readonly tell: 'ready' | 'drawn';
}

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
export interface PaintWorker {
  postMessage(message: ToPaintWorker, transfer?: readonly unknown[]): void;
  terminate(): void;
  addEventListener(type: 'message', listener: (event: { readonly data: FromPaintWorker | Holds }) => void): void;
  addEventListener(type: 'error' | 'messageerror', listener: () => void): void;
}
interface Transferable {
  readonly isConnected: boolean;
  /** Throws for a canvas that has been drawn on or transferred. */
  transferControlToOffscreen(): unknown;
}

/** `onDrawn` is called when a picture has been drawn. */
export const pagePainter = (onDrawn: () => void = () => undefined): Painter => ({
  name: 'page',
  draw: unlessDrawn((canvas, picture) => {
    draw(canvas, picture);
    onDrawn();
  }),
});

/** `worker`: is ready. */
export function workerPainter(worker: Pick<PaintWorker, 'postMessage'>): Painter {
  const numbers = new Map<Transferable, number>();
  let made = 0;
  const forgetGone = (): void => {
    for (const [canvas, number] of numbers) {
      if (canvas.isConnected) continue;
      numbers.delete(canvas);
      worker.postMessage({ do: 'forget', canvas: number });
    }
  };
  const take = (canvas: Transferable): number => {
    forgetGone();
    const number = made++;
    numbers.set(canvas, number);
    const surface = canvas.transferControlToOffscreen();
    worker.postMessage({ do: 'take', canvas: number, surface }, [surface]);
    return number;
  };
  return {
    name: 'worker',
    draw: unlessDrawn((element, picture) => {
      const canvas = numbers.get(element as Transferable) ?? take(element as Transferable);
      // A copy goes there: legends count the numbers, and clicks look for them.
      const sent = picture.numbers.slice();
      worker.postMessage({ do: 'draw', canvas, picture: { ...picture, numbers: sent } }, [sent.buffer]);
    }),
  };
}

/**
 * Calls `use` with the painter of a worker when that is ready, and with one of the page when it is lost then. Until it is ready, and
 * where the browser has no OffscreenCanvas, the page has to draw.
 * @param canvasElement the browser's class; undefined where it has none
 * @param onDrawn as for {@link pagePainter}, whoever has drawn
 */
export function paintInWorker(
  canvasElement: { readonly prototype: object } | undefined,
  makeWorker: () => PaintWorker,
  use: (painter: Painter) => void,
  onDrawn: () => void,
  watchLife: (message: Holds, onEnd: () => void) => void = whenEnded,
): void {
  if (!canvasElement || !('transferControlToOffscreen' in canvasElement.prototype)) return;
  const worker = makeWorker();
  let state: 'starting' | 'ready' | 'lost' = 'starting';
  const lose = (): void => {
    const wasReady = state === 'ready';
    state = 'lost';
    worker.terminate();
    if (wasReady) use(pagePainter(onDrawn));
  };
  worker.addEventListener('message', ({ data }) => {
    if (isHolds(data)) watchLife(data, lose);
    else if (data.tell === 'drawn') onDrawn();
    else if (state === 'starting') {
      state = 'ready';
      use(workerPainter(worker));
    }
  });
  worker.addEventListener('error', lose);
  worker.addEventListener('messageerror', lose);
}

function unlessDrawn(paint: Painter['draw']): Painter['draw'] {
  const drawn = new WeakMap<object, Picture>();
  return (canvas, picture) => {
    const before = drawn.get(canvas);
    if (before?.numbers === picture.numbers && before.pixels === picture.pixels) return;
    drawn.set(canvas, picture);
    paint(canvas, picture);
  };
}
