// SPDX-License-Identifier: MIT
/** Pictures as data, and how a canvas shows them. */

/** It can be sent to a worker. */
export interface Picture {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** For each pixel, row by row, a place in `pixels`. Behind the last one the picture is transparent. */
  readonly numbers: Uint8Array;
  /** See {@link pixelsOf}. */
  readonly pixels: Uint32Array;
}

/** Colours 0xRRGGBB, as in CSS. */
export const cssOf = (colour: number): string => `#${colour.toString(16).padStart(6, '0')}`;

/** Pixels of a picture for colours 0xRRGGBB, in the order of bytes of this host. */
export const pixelsOf = (colours: readonly number[]): Uint32Array =>
  new Uint32Array(Uint8Array.from(colours.flatMap((colour) => [colour >>> 16, colour >>> 8, colour, 255])).buffer);

/** Width and height of a picture of so many pixels, with `perRow` in each row but the last one. */
const sizeOf = (count: number, perRow: number) => ({
  width: Math.min(perRow, count),
  height: Math.ceil(count / perRow),
});

/** A pixel for each of `numbers`, which choose among `pixels`. Neither may change afterwards. */
export const pictureOfNumbers = (numbers: Uint8Array, pixels: Uint32Array, perRow: number): Picture => ({
  ...sizeOf(numbers.length, perRow),
  numbers,
  pixels,
});

/** Red, green, blue and alpha of each pixel, row by row. */
export function rgbaOf({ width, height, numbers, pixels }: Picture): Uint8ClampedArray {
  const drawn = new Uint32Array(width * height);
  for (let at = 0; at < numbers.length; at++) drawn[at] = pixels[numbers[at] ?? 0] ?? 0;
  return new Uint8ClampedArray(drawn.buffer);
}

/**
 * The pixel at a place of a picture of {@link pictureOfNumbers} as it is shown.
 * @param x from its left edge to its right one, 0 to 1; `y` likewise from its upper edge.
 * @returns its number; undefined where there is none.
 */
export function pixelAt(count: number, perRow: number, x: number, y: number): number | undefined {
  if (!(x >= 0 && x < 1 && y >= 0 && y < 1)) return undefined;
  const { width, height } = sizeOf(count, perRow);
  const pixel = Math.floor(y * height) * perRow + Math.floor(x * width);
  return pixel < count ? pixel : undefined;
}

/** How often each number below `size` occurs. */
function countNumbers(of: Iterable<Uint8Array>, size: number): readonly number[] {
  // There are millions, and they are counted for each picture.
  const counts = new Uint32Array(size);
  for (const numbers of of)
    for (let at = 0; at < numbers.length; at++) {
      const number = numbers[at] ?? 0;
      counts[number] = (counts[number] ?? 0) + 1;
    }
  return [...counts];
}

/** A number that pixels stand for, and how often it occurs. */
export interface Counted<Kind extends string> {
  readonly kind: Kind;
  readonly name: string;
  /** As in CSS. */
  readonly colour: string;
  readonly count: number;
}

/** What the numbers in `of` stand for: places in `kinds`. All are listed, also those that do not occur. */
export function countedKinds<Kind extends string>(
  of: Iterable<Uint8Array>,
  kinds: readonly Kind[],
  names: Readonly<Record<Kind, string>>,
  colours: Readonly<Record<Kind, number>>,
): readonly Counted<Kind>[] {
  const counts = countNumbers(of, kinds.length);
  return kinds.map((kind, at) => ({
    kind,
    name: names[kind],
    colour: cssOf(colours[kind]),
    count: counts[at] ?? 0,
  }));
}

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface Drawable {
  getContext(kind: '2d'): { putImageData(data: unknown, x: number, y: number): void } | null;
}
interface Clickable {
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

/** `canvas`: of the page or of a worker, and as large as the picture. */
export function draw(canvas: unknown, picture: Picture): void {
  const data = new ImageData(rgbaOf(picture), picture.width, picture.height);
  (canvas as Drawable).getContext('2d')?.putImageData(data, 0, 0);
}

/** Where a canvas was clicked: from its left edge to its right one and from its upper edge to its lower one, 0 to 1. */
export function placeOfClick(event: unknown): { readonly x: number; readonly y: number } {
  const { clientX, clientY, currentTarget } = event as Clicked;
  const { left, top, width, height } = (currentTarget as Clickable).getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
}
