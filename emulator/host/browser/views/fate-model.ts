// SPDX-License-Identifier: MIT
/** The picture of what became of a machine's memory by a snapshot, and what its colours mean. */
import { PAGE_FATES, type PageFate } from '../../../verify/memory/fates.js';
import { ROW_PAGES } from './memory-map-model.js';
import { countedKinds, pictureOfNumbers, pixelsOf, type Counted, type Picture } from './picture.js';

/** For people. */
const FATE_NAMES: Readonly<Record<PageFate, string>> = {
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
const FATE_COLOURS: Readonly<Record<PageFate, number>> = {
  left: 0x3a3f44,
  free: 0xd5d9dd,
  held: 0xcc79a7,
  copied: 0x0072b2,
  zeros: 0x56b4e9,
  preserved: 0x009e73,
  written: 0xf0e442,
  differing: 0xd55e00,
};

/** `fates`: numbers of `PAGE_FATES`, by frame. */
export const fateLegendOf = (fates: Uint8Array): readonly Counted<PageFate>[] =>
  countedKinds([fates], PAGE_FATES, FATE_NAMES, FATE_COLOURS);

const PIXELS = pixelsOf(PAGE_FATES.map((fate) => FATE_COLOURS[fate]));

/** `fates`: as for {@link fateLegendOf}. */
export const fatePictureOf = (fates: Uint8Array): Picture => pictureOfNumbers(fates, PIXELS, ROW_PAGES);
