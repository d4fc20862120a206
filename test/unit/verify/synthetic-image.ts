// SPDX-License-Identifier: MIT
/** A hibernation image made by hand, plain, in a swap area. */
import { PAGE_BYTES } from '../../../emulator/machine/units.js';

export interface ImageFrame {
  readonly frame: number;
  /** Content: every byte the same. Zero makes a zero page, which has no data in the stream. */
  readonly fill: number;
}

/** The pages of the stream: header, frame numbers, data, as i386 makes them or x86-64 does (8). */
export function imageStream(
  frames: readonly ImageFrame[],
  { physicalPages = 4096, wordBytes = 4 }: { physicalPages?: number; wordBytes?: 4 | 8 } = {},
): Uint8Array[] {
  const perPage = PAGE_BYTES / wordBytes;
  const data = frames.filter(({ fill }) => fill !== 0).map(({ fill }) => new Uint8Array(PAGE_BYTES).fill(fill));
  const metaPages = Math.ceil(Math.max(1, frames.length) / perPage);
  const meta = Array.from({ length: metaPages }, (_, page) => {
    const bytes = new Uint8Array(PAGE_BYTES);
    const view = new DataView(bytes.buffer);
    const here = frames.slice(page * perPage, (page + 1) * perPage);
    for (const [i, { frame, fill }] of here.entries()) {
      if (wordBytes === 4) view.setUint32(4 * i, fill === 0 ? frame + 0x80000000 : frame, true);
      else view.setBigUint64(8 * i, BigInt(frame) + (fill === 0 ? 1n << 63n : 0n), true);
    }
    if (here.length < perPage) bytes.fill(0xff, wordBytes * here.length, wordBytes * (here.length + 1));
    return bytes;
  });
  const header = new Uint8Array(PAGE_BYTES);
  const view = new DataView(header.buffer);
  const pages = 1 + metaPages + data.length;
  if (wordBytes === 4) {
    const numbers = [0xc1234000, 0x01234000, 0x00abc000, 0x12345679, 0xcafe];
    for (const [i, value] of numbers.entries()) view.setUint32(4 * i, value, true);
    view.setUint32(396, physicalPages, true);
    for (const [i, value] of [data.length, pages, pages * PAGE_BYTES].entries())
      view.setUint32(404 + 4 * i, value, true);
  } else {
    const numbers = [0xffffffff81234000n, 0x01234000n, 0x00abc000n, 0x23456789abcdef02n, 0xcafen];
    for (const [i, value] of numbers.entries()) view.setBigUint64(8 * i, value, true);
    view.setBigUint64(400, BigInt(physicalPages), true);
    for (const [i, value] of [data.length, pages, pages * PAGE_BYTES].entries())
      view.setBigUint64(416 + 8 * i, BigInt(value), true);
  }
  return [header, ...meta, ...data];
}

/**
 * A swap area that holds this image: page 0 is the swap header, page 1 the first map page, then the stream, with further map pages after
 * each 511 of its pages.
 */
export function swapArea(frames: readonly ImageFrame[], signature = 'S1SUSPEND'): Uint8Array {
  return swapAreaOf(imageStream(frames), { signature, flags: 2 });
}

export function swapAreaOf(
  stream: readonly Uint8Array[],
  { signature = 'S1SUSPEND', flags = 2, checksum = 0 }: { signature?: string; flags?: number; checksum?: number } = {},
): Uint8Array {
  const mapPages = Math.ceil(stream.length / 511);
  const area = new Uint8Array((1 + mapPages + stream.length) * PAGE_BYTES);
  const view = new DataView(area.buffer);
  const text = (at: number, value: string): void => area.set(new TextEncoder().encode(value), at);
  view.setUint32(4060, checksum, true);
  view.setUint32(4064, 1, true);
  view.setUint32(4072, flags, true);
  text(4076, 'SWAPSPACE2');
  text(4086, signature);
  let next = 2;
  for (let map = 0, at = 1; map < mapPages; map++) {
    const here = stream.slice(map * 511, (map + 1) * 511);
    for (const [i, page] of here.entries()) {
      view.setUint32(at * PAGE_BYTES + 8 * i, next, true);
      area.set(page, next * PAGE_BYTES);
      next++;
    }
    if (map + 1 < mapPages) {
      view.setUint32(at * PAGE_BYTES + 8 * 511, next, true);
      at = next++;
    }
  }
  return area;
}
