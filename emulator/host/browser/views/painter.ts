// SPDX-License-Identifier: MIT
/** Who draws pictures on the canvases of the page: the page itself, or a worker of its own where the browser has OffscreenCanvas. */
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

/** What the worker tells: that it runs and can draw. */
export type FromPaintWorker = 'ready';

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
export interface PaintWorker {
  postMessage(message: ToPaintWorker, transfer?: readonly unknown[]): void;
  terminate(): void;
  addEventListener(type: 'message' | 'error' | 'messageerror', listener: () => void): void;
}
interface Transferable {
  readonly isConnected: boolean;
  /** Throws for a canvas that has been drawn on or transferred. */
  transferControlToOffscreen(): unknown;
}

export const pagePainter = (): Painter => ({ name: 'page', draw: unlessDrawn(draw) });

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
 */
export function paintInWorker(
  canvasElement: { readonly prototype: object } | undefined,
  makeWorker: () => PaintWorker,
  use: (painter: Painter) => void,
): void {
  if (!canvasElement || !('transferControlToOffscreen' in canvasElement.prototype)) return;
  const worker = makeWorker();
  let state: 'starting' | 'ready' | 'lost' = 'starting';
  worker.addEventListener('message', () => {
    if (state !== 'starting') return;
    state = 'ready';
    use(workerPainter(worker));
  });
  const lose = (): void => {
    const wasReady = state === 'ready';
    state = 'lost';
    worker.terminate();
    if (wasReady) use(pagePainter());
  };
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
