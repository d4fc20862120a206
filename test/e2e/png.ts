// SPDX-License-Identifier: MIT
/** What is in a PNG file, as browsers write them. */
import { inflateSync } from 'node:zlib';

/** Bytes of a pixel by the type of colour: red, green and blue, without and with alpha. */
const PIXEL_BYTES: Readonly<Record<number, number>> = { 2: 3, 6: 4 };

/**
 * The colours of all pixels, 0xRRGGBB. Alpha does not count.
 * @throws Error when pixels have a palette, are interlaced, or have no 8 bits for each of red, green and blue.
 */
export function coloursIn(png: Buffer): ReadonlySet<number> {
  const chunks = chunksOf(png);
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  const [bits, type, , , interlaced] = header?.subarray(8) ?? [];
  const pixelBytes = PIXEL_BYTES[type ?? 0];
  if (!header || bits !== 8 || pixelBytes === undefined || interlaced !== 0)
    throw new Error(`no PNG of 8 bits a colour: ${bits} bits, type ${type}`);
  const rowBytes = header.readUInt32BE(0) * pixelBytes;
  const lines = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  const colours = new Set<number>();
  let above = new Uint8Array(rowBytes);
  // The byte before a row says how it is filtered.
  for (let at = 0; at < lines.length; at += 1 + rowBytes) {
    above = unfiltered(lines[at] ?? 0, lines.subarray(at + 1, at + 1 + rowBytes), above, pixelBytes);
    for (let x = 0; x < rowBytes; x += pixelBytes)
      colours.add(((above[x] ?? 0) << 16) | ((above[x + 1] ?? 0) << 8) | (above[x + 2] ?? 0));
  }
  return colours;
}

function chunksOf(png: Buffer): readonly { readonly type: string; readonly data: Buffer }[] {
  const chunks: { readonly type: string; readonly data: Buffer }[] = [];
  // Behind the signature, each has its length, its type, its data and a checksum.
  for (let at = 8; at + 8 <= png.length;) {
    const end = at + 8 + png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

/** A row without its filter. `above`: the row before, zeros for the first one. */
function unfiltered(filter: number, row: Uint8Array, above: Uint8Array, pixelBytes: number): Uint8Array<ArrayBuffer> {
  const plain = new Uint8Array(row.length);
  for (let x = 0; x < row.length; x++) {
    const [left, up, corner] = [plain[x - pixelBytes] ?? 0, above[x] ?? 0, above[x - pixelBytes] ?? 0];
    const expected = [0, left, up, (left + up) >> 1, nearest(left, up, corner)][filter] ?? 0;
    plain[x] = (row[x] ?? 0) + expected;
  }
  return plain;
}

/** Paeth's filter: whichever of the three is nearest to `left + up - corner`. */
function nearest(left: number, up: number, corner: number): number {
  const [toLeft, toUp, toCorner] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs) as [
    number,
    number,
    number,
  ];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
