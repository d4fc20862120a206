// SPDX-License-Identifier: MIT
/** The picture of what became of a machine's memory by a snapshot, and what its colours mean. */
import { PAGE_FATES, type PageFate } from '../../../verify/memory/fates.js';
import { ROW_PAGES } from './memory-map-model.js';
import { countNumbers, cssOf, pictureOfNumbers, pixelsOf, type Picture } from './picture.js';

/** For people. */
export const FATE_NAMES: Readonly<Record<PageFate, string>> = {
  left: 'never in an image',
  free: 'free',
  held: 'copies, and what the image needs',
  copied: 'copied',
  zeros: 'only zeros',
  preserved: 'preserved in place',
  written: 'preserved, and written or given up since',
  differing: 'not what it was',
};

/** As `KIND_COLOURS`. What differs has the colour of bad news. */
export const FATE_COLOURS: Readonly<Record<PageFate, number>> = {
  left: 0x3a3f44,
  free: 0xd5d9dd,
  held: 0xcc79a7,
  copied: 0x0072b2,
  zeros: 0x56b4e9,
  preserved: 0x009e73,
  written: 0xf0e442,
  differing: 0xd55e00,
};

export interface FateEntry {
  readonly kind: PageFate;
  readonly name: string;
  /** As in CSS. */
  readonly colour: string;
  readonly count: number;
}

/** `fates`: numbers of `PAGE_FATES`, by frame. All are listed, also those that no page has. */
export function fateLegendOf(fates: Uint8Array): readonly FateEntry[] {
  const counts = countNumbers([fates], PAGE_FATES.length);
  return PAGE_FATES.map((kind, at) => ({
    kind,
    name: FATE_NAMES[kind],
    colour: cssOf(FATE_COLOURS[kind]),
    count: counts[at] ?? 0,
  }));
}

const PIXELS = pixelsOf(PAGE_FATES.map((fate) => FATE_COLOURS[fate]));

/** `fates`: as for {@link fateLegendOf}. */
export const fatePictureOf = (fates: Uint8Array): Picture => pictureOfNumbers(fates, PIXELS, ROW_PAGES);
