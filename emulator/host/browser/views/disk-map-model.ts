// SPDX-License-Identifier: MIT
/**
 * The picture of the disks: a strip for each volume, with a pixel for each stretch of sectors. Its colour tells which timeline has
 * written there last, where the image lies, and what the live timeline has redirected. Pure: canvases only show it.
 */
import type { MachineShown } from '../../../cycle/machines.js';
import type { RedirectedRange } from '../../../memory/substitutes.js';
import type { DifferenceShown, ImageShown } from '../session/disk-reader.js';
import type { RedirectedShown } from '../session/redirected-reader.js';
import type { DiskShown, VolumeShown } from '../session/disks.js';
import { countedKinds, pictureOfNumbers, pixelAt, pixelsOf, type Counted, type Picture } from './picture.js';
import { TRACK_COLOURS, trackBegins, type TrackBegin, type TrackKind } from './timeline-model.js';

/** Sectors that one pixel stands for: 64 KiB. */
export const PIXEL_SECTORS = 128;
/** Pixels in a row of a strip: 16 MiB. */
export const ROW_PIXELS = 256;

/** By number, as in {@link Strip.last}. */
export const WRITERS = [
  'none',
  'run',
  'live',
  'boot',
  'restored',
  'image',
  'redirected',
  'differing',
] as const satisfies readonly ('none' | 'image' | 'redirected' | 'differing' | TrackKind)[];
export type Writer = (typeof WRITERS)[number];

/** For people. */
export const WRITER_NAMES: Readonly<Record<Writer, string>> = {
  none: 'not written',
  run: 'written until the snapshot',
  live: 'written by the live timeline',
  boot: 'written by a new machine',
  restored: 'written by the restored timeline',
  image: 'of the image',
  redirected: 'redirected: the data of the live timeline are in the store',
  differing: 'differing at the resume',
};

/** People with any colour vision tell them apart, as those of the memory map. */
export const WRITER_COLOURS: Readonly<Record<Writer, number>> = {
  none: 0xd5d9dd,
  ...TRACK_COLOURS,
  image: 0x56b4e9,
  redirected: 0xf0e442,
  differing: 0x000000,
};

/** A volume, and who has written to it. */
export interface Strip {
  readonly volume: VolumeShown;
  /** For each sector: number of the last of {@link WRITERS}. */
  readonly last: Uint8Array;
  /** The same for each pixel, whichever of its sectors was written. */
  readonly pixels: Uint8Array;
}

/** What a disk proof and a look at the machine's memory have found. */
export interface Found {
  readonly differences: readonly DifferenceShown[];
  readonly image?: ImageShown | undefined;
  /** See {@link redirectedNow}. */
  readonly redirected?: readonly RedirectedRange[] | undefined;
}

interface Made extends Found {
  readonly disks: readonly DiskShown[];
  readonly strips: readonly Strip[];
}
const made = new WeakMap<readonly MachineShown[], Made>();

const NOTHING_FOUND: Found = { differences: [] };

/**
 * One for each volume of the disks, after all writes of `machines`, with the sectors in which a disk proof has found differences, and
 * those of the image in which nobody has written since, and those that the live timeline has redirected. Sectors outside of the volumes are left out.
 */
export function stripsOf(
  disks: readonly DiskShown[],
  machines: readonly MachineShown[],
  found = NOTHING_FOUND,
): readonly Strip[] {
  const { differences, image, redirected } = found;
  // A page draws more often than machines write.
  const before = made.get(machines);
  const isSame =
    before?.disks === disks &&
    before.differences === differences &&
    before.image === image &&
    before.redirected === redirected;
  if (isSame) return before.strips;
  const strips = disks.flatMap((of, disk) => stripsOfDisk(of, disk, machines, found));
  made.set(machines, { disks, differences, image, redirected, strips });
  return strips;
}

function stripsOfDisk(
  { device, volumes }: DiskShown,
  disk: number,
  machines: readonly MachineShown[],
  { differences, image, redirected = [] }: Found,
): readonly Strip[] {
  const strips = volumes.map((volume) => ({
    volume,
    last: new Uint8Array(volume.sectors),
    pixels: new Uint8Array(Math.ceil(volume.sectors / PIXEL_SECTORS)),
  }));
  const mark = (writer: Writer, sector: number, count: number): void => markIn(strips, writer, sector, count);
  const markImage = (): void => {
    for (const one of image?.ranges ?? []) if (one.disk === device) mark('image', one.startSector, one.sectors);
  };
  for (const machine of machines) {
    const begins = trackBegins(machine);
    let hasImage = machine.number !== image?.machine;
    for (const { instruction, sector, count } of machine.writes[disk] ?? []) {
      if (!hasImage && instruction >= (image?.instruction ?? 0)) {
        markImage();
        hasImage = true;
      }
      mark(trackAt(begins, instruction), sector, count);
    }
    if (!hasImage) markImage();
  }
  // Their origin is not written meanwhile.
  for (const one of redirected) if (one.disk === device) mark('redirected', one.startSector, one.sectors);
  // Whoever writes there later, these are what the proofs have found.
  for (const one of differences) if (one.disk === device) mark('differing', one.startSector, one.sectors);
  return strips;
}

const trackAt = (begins: readonly TrackBegin[], instruction: number): TrackKind =>
  begins.findLast((begin) => begin.instruction <= instruction)?.kind ?? 'run';

function markIn(strips: readonly Strip[], writer: Writer, sector: number, count: number): void {
  const number = WRITERS.indexOf(writer);
  for (const { volume, last, pixels } of strips) {
    const from = Math.max(0, sector - volume.startSector);
    const to = Math.min(volume.sectors, sector + count - volume.startSector);
    if (from >= to) continue;
    last.fill(number, from, to);
    pixels.fill(number, Math.floor(from / PIXEL_SECTORS), Math.ceil(to / PIXEL_SECTORS));
  }
}

const NONE: readonly RedirectedRange[] = [];

/**
 * What was redirected at the last pause, as long as the same live timeline is the last that has run: of the machine that runs, or of
 * the last one. The same for the same arguments.
 */
export function redirectedNow(
  redirected: RedirectedShown | undefined,
  machines: readonly MachineShown[],
  running: MachineShown | undefined,
): readonly RedirectedRange[] {
  const last = running ?? machines.at(-1);
  const isLive = last && last.number === redirected?.machine && trackBegins(last).at(-1)?.kind === 'live';
  return isLive ? redirected.ranges : NONE;
}

interface MadeNow {
  readonly before: readonly Strip[];
  readonly strips: readonly Strip[];
}
const madeNow = new WeakMap<MachineShown, MadeNow>();

/**
 * `before`, all strips of the disks, after the writes of the machine that runs. While it runs there are many such pictures, and the writes
 * before are not gone through again.
 */
export function stripsNow(
  disks: readonly DiskShown[],
  before: readonly Strip[],
  running: MachineShown | undefined,
): readonly Strip[] {
  if (!running) return before;
  const known = madeNow.get(running);
  if (known?.before === before) return known.strips;
  const strips = before.map(({ volume, last, pixels }) => ({ volume, last: last.slice(), pixels: pixels.slice() }));
  const begins = trackBegins(running);
  for (const [disk, { volumes }] of disks.entries()) {
    const of = strips.filter(({ volume }) => volumes.includes(volume));
    for (const { instruction, sector, count } of running.writes[disk] ?? [])
      markIn(of, trackAt(begins, instruction), sector, count);
  }
  keepDiffering(before, strips);
  madeNow.set(running, { before, strips });
  return strips;
}

/** What the proofs have found stays, whoever writes there. */
function keepDiffering(before: readonly Strip[], strips: readonly Strip[]): void {
  const differing = WRITERS.indexOf('differing');
  for (const [index, { last }] of before.entries()) {
    const now = strips[index];
    for (let at = last.indexOf(differing); now && at >= 0; at = last.indexOf(differing, at + 1)) {
      now.last[at] = differing;
      now.pixels[Math.floor(at / PIXEL_SECTORS)] = differing;
    }
  }
}

const RARE: readonly Writer[] = ['image', 'redirected', 'differing'];

/**
 * How many sectors each has written last. All are listed, but `image`, `redirected` and `differing` only if there are any. `last`: as in
 * {@link Strip}, of any number of sectors.
 */
export const countsOf = (last: readonly Uint8Array[]): readonly Counted<Writer>[] =>
  countedKinds(last, WRITERS, WRITER_NAMES, WRITER_COLOURS).filter(
    ({ kind, count }) => !RARE.includes(kind) || count > 0,
  );

const PIXELS = pixelsOf(WRITERS.map((writer) => WRITER_COLOURS[writer]));

export const stripPicture = ({ pixels }: Pick<Strip, 'pixels'>): Picture =>
  pictureOfNumbers(pixels, PIXELS, ROW_PIXELS);

/** A sector of a disk that somebody asks about. */
export interface Place {
  /** `sda`. */
  readonly disk: string;
  /** On that disk. */
  readonly sector: number;
}

/** The first sector, on the disk, that has given the pixel at a place of the strip its colour; see {@link pixelAt}. */
export function sectorAt({ volume, pixels, last }: Strip, x: number, y: number): number | undefined {
  const pixel = pixelAt(pixels.length, ROW_PIXELS, x, y);
  return pixel === undefined ? undefined : volume.startSector + last.indexOf(pixels[pixel] ?? 0, pixel * PIXEL_SECTORS);
}

/** `sdb1, COW store, sectors 2048 to 2175: 12 written by the live timeline, 116 not written` */
export function placeText({ disk, sector }: Place, strips: readonly Strip[]): string {
  const strip = strips.find(
    ({ volume: { device, startSector, sectors } }) =>
      device.startsWith(disk) && sector >= startSector && sector < startSector + sectors,
  );
  if (!strip) return `${disk}, sector ${sector}: in no volume`;
  const { volume, last } = strip;
  const within = sector - volume.startSector;
  const from = within - (within % PIXEL_SECTORS);
  const to = Math.min(from + PIXEL_SECTORS, volume.sectors);
  const counts = countsOf([last.subarray(from, to)])
    .filter(({ count }) => count > 0)
    .reverse()
    .map(({ count, name }) => `${count} ${name}`);
  return `${volumeText(volume)}, sectors ${volume.startSector + from} to ${volume.startSector + to - 1}: ${counts.join(', ')}`;
}

/** `sdb3, image store, ext4` */
export const volumeText = ({ device, role, filesystem }: VolumeShown): string =>
  [
    device,
    ...(role === undefined ? [] : [role]),
    ...(filesystem === 'unknown' || filesystem === role ? [] : [filesystem]),
  ].join(', ');
