// SPDX-License-Identifier: MIT
/** The worker that draws on the canvases of the page. An error in it has the page draw again. */
import { holdLock, type Holds } from '../../../engines/v86/host-browser/lifeline.js';
import type { FromPaintWorker, ToPaintWorker } from './painter.js';
import { createPainting } from './painting.js';

/** The part of a worker's global scope that this file uses. The project is type-checked without the DOM's types. */
interface WorkerScope {
  postMessage(message: FromPaintWorker | Holds): void;
  addEventListener(type: 'message', listener: (event: { readonly data: ToPaintWorker }) => void): void;
}
declare const OffscreenCanvas: new (width: number, height: number) => { getContext(kind: '2d'): unknown };
const scope = globalThis as unknown as WorkerScope;

holdLock((message) => scope.postMessage(message));
const paint = createPainting(() => scope.postMessage({ tell: 'drawn' }));
scope.addEventListener('message', ({ data }) => paint(data));
// Some browsers had the class years before they could draw on it.
if (new OffscreenCanvas(1, 1).getContext('2d')) scope.postMessage({ tell: 'ready' });
