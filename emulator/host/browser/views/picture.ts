// SPDX-License-Identifier: MIT
/** Pictures as data, and how a canvas shows them. */

export interface Picture {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha of each pixel, row by row. Behind the last one it is transparent. */
  readonly rgba: Uint8ClampedArray;
}

/** A pixel of a picture for a colour 0xRRGGBB, in the order of bytes of this host. */
export const rgbaOf = (colour: number): number =>
  new Uint32Array(Uint8Array.of(colour >>> 16, colour >>> 8, colour, 255).buffer)[0] ?? 0;

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Canvas {
  getContext(kind: '2d'): { putImageData(data: unknown, x: number, y: number): void };
  getBoundingClientRect(): {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}
interface Clicked {
  readonly clientX: number;
  readonly clientY: number;
  readonly currentTarget: unknown;
}
declare const ImageData: new (rgba: Uint8ClampedArray, width: number, height: number) => unknown;

/** `canvas`: an element that is as large as the picture, or null. */
export function draw(canvas: unknown, { rgba, width, height }: Picture): void {
  (canvas as Canvas | null)?.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0);
}

/** Where a canvas was clicked: from its left edge to its right one and from its upper edge to its lower one, 0 to 1. */
export function placeOfClick(event: unknown): { readonly x: number; readonly y: number } {
  const { clientX, clientY, currentTarget } = event as Clicked;
  const { left, top, width, height } = (currentTarget as Canvas).getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
}
