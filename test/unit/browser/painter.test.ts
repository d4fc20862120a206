// SPDX-License-Identifier: MIT
/** Who draws the maps: the page or a worker, and that both draw the same. */
import t from 'tap';
import type { Holds } from '../../../emulator/engines/v86/host-browser/lifeline.js';
import { MapCanvas } from '../../../emulator/host/browser/views/map-canvas.js';
import {
  pagePainter,
  paintInWorker,
  workerPainter,
  type FromPaintWorker,
  type Painter,
  type PaintWorker,
  type ToPaintWorker,
} from '../../../emulator/host/browser/views/painter.js';
import { createPainting } from '../../../emulator/host/browser/views/painting.js';
import { pictureOfNumbers, pixelsOf, type Picture } from '../../../emulator/host/browser/views/picture.js';

class FakeImageData {
  constructor(
    readonly rgba: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}
Object.assign(globalThis, { ImageData: FakeImageData });

/** What can be drawn on, and what was drawn. */
function surface() {
  const drawn: FakeImageData[] = [];
  return { drawn, getContext: () => ({ putImageData: (data: FakeImageData) => void drawn.push(data) }) };
}

/** An element of the page that is given to a worker, once. */
function element() {
  const given = surface();
  let isGiven = false;
  return {
    given,
    isConnected: true,
    transferControlToOffscreen() {
      if (isGiven) throw new Error('it has been transferred');
      isGiven = true;
      return given;
    },
  };
}

const PIXELS = pixelsOf([0x102030, 0x405060]);
const picture = (...numbers: readonly number[]): Picture => pictureOfNumbers(Uint8Array.from(numbers), PIXELS, 2);

/** Does what a worker of a browser does with a message: what is transferred is of no use here any more. */
function inWorker() {
  let drawn = 0;
  const paint = createPainting(() => (drawn += 1));
  const told: ToPaintWorker['do'][] = [];
  return {
    told,
    drawn: () => drawn,
    postMessage(message: ToPaintWorker, transfer: readonly unknown[] = []) {
      told.push(message.do);
      const buffers = transfer.filter((one) => one instanceof ArrayBuffer);
      if (message.do === 'take') t.same(transfer, [message.surface], 'a canvas goes to the worker');
      paint(message.do === 'draw' ? structuredClone(message, { transfer: buffers }) : message);
    },
  };
}

t.test('the page and the worker draw the same', async (t) => {
  const here = surface();
  const there = element();
  const worker = inWorker();
  let drawn = 0;
  const [onPage, byWorker] = [pagePainter(() => (drawn += 1)), workerPainter(worker)];
  const [first, second] = [picture(0, 1, 1), picture(1, 1, 0)];
  for (const one of [first, first, second]) {
    onPage.draw(here, one);
    byWorker.draw(there, one);
  }
  t.same(here.drawn[0], {
    rgba: Uint8ClampedArray.of(0x10, 0x20, 0x30, 255, 0x40, 0x50, 0x60, 255, 0x40, 0x50, 0x60, 255, 0, 0, 0, 0),
    width: 2,
    height: 2,
  });
  t.equal(here.drawn.length, 2, 'a picture is drawn once');
  t.same([drawn, worker.drawn()], [2, 2], 'which is counted');
  t.same(there.given.drawn, here.drawn);
  t.same(worker.told, ['take', 'draw', 'draw'], 'and a canvas is given once');
  t.same(first.numbers, Uint8Array.of(0, 1, 1), 'the numbers of the page stay there');
});

t.test('the worker forgets canvases that have gone', async (t) => {
  const worker = inWorker();
  const painter = workerPainter(worker);
  const [first, second] = [element(), element()];
  painter.draw(first, picture(0));
  first.isConnected = false;
  painter.draw(second, picture(0));
  t.same(worker.told, ['take', 'draw', 'forget', 'take', 'draw']);
  t.equal(second.given.drawn.length, 1);
});

/** A worker that says and loses what the test wants. */
function fakeWorker(canvasElement: { readonly prototype: object } | undefined) {
  const listeners = new Map<string, (event: never) => void>();
  const did: string[] = [];
  const worker: PaintWorker = {
    postMessage: () => undefined,
    terminate: () => void did.push('terminated'),
    addEventListener: (type: string, listener: (event: never) => void) => void listeners.set(type, listener),
  };
  const make = (): PaintWorker => {
    did.push('made');
    return worker;
  };
  let close = (): void => undefined;
  paintInWorker(
    canvasElement,
    make,
    ({ name }: Painter) => void did.push(name),
    () => void did.push('drawn'),
    (_, onEnd) => (close = onEnd),
  );
  const tell = (data: FromPaintWorker | Holds): void => listeners.get('message')?.({ data } as never);
  return {
    did,
    ready: () => tell({ tell: 'ready' }),
    drawn: () => tell({ tell: 'drawn' }),
    /** It has ended by itself. */
    close() {
      tell({ holds: 'its lock' });
      close();
    },
    fail: (type: 'error' | 'messageerror') => listeners.get(type)?.({} as never),
  };
}
const ABLE = { prototype: { transferControlToOffscreen: () => undefined } };

t.test('the page draws where no worker can', async (t) => {
  t.same(fakeWorker(undefined).did, []);
  t.same(fakeWorker({ prototype: {} }).did, [], 'without OffscreenCanvas no worker is made');
  const silent = fakeWorker(ABLE);
  t.same(silent.did, ['made'], 'until the worker is ready');
  silent.fail('error');
  silent.ready();
  t.same(silent.did, ['made', 'terminated'], 'and when it could not be started');
});

t.test('the page draws again when the worker is lost', async (t) => {
  const lost = ['made', 'worker', 'drawn', 'terminated', 'page'];
  for (const how of ['error', 'messageerror'] as const) {
    const { did, ready, drawn, fail } = fakeWorker(ABLE);
    ready();
    drawn();
    t.same(did, ['made', 'worker', 'drawn']);
    fail(how);
    t.same(did, lost, how);
  }
  const { did, ready, drawn, close } = fakeWorker(ABLE);
  ready();
  drawn();
  close();
  t.same(did, lost, 'it has ended by itself');
});

t.test('a canvas has one painter and one size', async (t) => {
  interface Made {
    readonly key: string;
    readonly ref: (element: unknown) => void;
  }
  const canvas = (painter: Painter, shown: Picture): Made =>
    MapCanvas({ painter, picture: shown, label: 'map', onPlace: () => undefined }) as unknown as Made;
  const [onPage, byWorker] = [pagePainter(), workerPainter({ postMessage: () => undefined })];
  const keys = [
    canvas(onPage, picture(0)).key,
    canvas(byWorker, picture(0)).key,
    canvas(byWorker, picture(0, 0)).key,
    canvas(byWorker, picture(0, 0, 0)).key,
  ];
  t.equal(new Set(keys).size, 4, 'or another element takes its place');
  t.equal(canvas(byWorker, picture(1, 1)).key, keys[2]);
  const { ref } = canvas(onPage, picture(0));
  const drawn = surface();
  ref(drawn);
  ref(null);
  t.equal(drawn.drawn.length, 1, 'nothing is drawn when the element goes');
});
