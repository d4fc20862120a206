// SPDX-License-Identifier: MIT
/**
 * Bases that are not there as a whole: a piece comes from elsewhere when it is first read. Whoever reads a base asks
 * {@link filler} for it beforehand.
 */
import { noteFilled, type ByteRange } from './sparse.js';

/** Plain data, which can be sent to a worker. */
export interface DiskPieces {
  /** A multiple of 4096; the last piece may be shorter. */
  readonly pieceBytes: number;
  /** By piece: what it is called where it comes from, or null where it is zero. */
  readonly names: readonly (string | null)[];
  /** By piece: 1 when the base has it. In the same kind of memory as the base, so that those who share one share both. */
  readonly present: Uint8Array;
}

/** The content of a piece. It may throw, and whoever reads the base then fails. */
export type PieceSource = (name: string) => Uint8Array;

/** Makes a range of a base complete. */
export type Filler = (offset: number, lengthBytes: number) => void;

const fillers = new WeakMap<Uint8Array, Filler>();
const known = new WeakMap<Uint8Array, DiskPieces>();

/** From now on, reads of `base` get missing pieces from `source`. */
export function fillFrom(base: Uint8Array, pieces: DiskPieces, source: PieceSource): void {
  const { pieceBytes, names, present } = pieces;
  known.set(base, pieces);
  fillers.set(base, (offset, lengthBytes) => {
    const end = Math.min(offset + lengthBytes, base.byteLength);
    for (let piece = Math.floor(offset / pieceBytes); piece * pieceBytes < end; piece++) {
      const name = names[piece] ?? null;
      if (name !== null && Atomics.load(present, piece) === 0) placePiece(base, pieces, piece, source(name));
    }
  });
  noteFilled(
    base,
    names.flatMap((name, piece): readonly ByteRange[] =>
      name === null ? [] : [[piece * pieceBytes, Math.min((piece + 1) * pieceBytes, base.byteLength)]],
    ),
  );
}

/** Several workers may place the same piece, as they write the same bytes. */
export function placePiece(
  base: Uint8Array,
  { pieceBytes, present }: DiskPieces,
  piece: number,
  content: Uint8Array,
): void {
  base.set(content.subarray(0, base.byteLength - piece * pieceBytes), piece * pieceBytes);
  Atomics.store(present, piece, 1);
}

/** What has to be called before a range of `base` is read; undefined when all of it is there. */
export const filler = (base: Uint8Array): Filler | undefined => fillers.get(base);

/** `base` with all that is missing. */
export function whole(base: Uint8Array): Uint8Array {
  filler(base)?.(0, base.byteLength);
  return base;
}

/** A base as it is sent to a worker: itself, or what is there of one that nobody shares. */
export type SentBase =
  | { readonly base: Uint8Array; readonly pieces?: DiskPieces }
  | {
      readonly byteLength: number;
      readonly pieces: Omit<DiskPieces, 'present'>;
      readonly content: readonly (readonly [piece: number, bytes: Uint8Array])[];
    };

/** `base` for another worker; an ordinary array without pieces is copied on the way. */
export function sendBase(base: Uint8Array): SentBase {
  const pieces = known.get(base);
  if (!pieces) return { base };
  if (typeof SharedArrayBuffer !== 'undefined' && base.buffer instanceof SharedArrayBuffer) return { base, pieces };
  const { pieceBytes, names, present } = pieces;
  const content = names.flatMap((_, piece) =>
    present[piece] === 1 ? [[piece, base.slice(piece * pieceBytes, (piece + 1) * pieceBytes)] as const] : [],
  );
  return { byteLength: base.byteLength, pieces: { pieceBytes, names }, content };
}

/** The base that was sent, which gets what is missing from `source`. */
export function receiveBase(sent: SentBase, source: PieceSource): Uint8Array {
  if ('base' in sent) {
    if (sent.pieces) fillFrom(sent.base, sent.pieces, source);
    return sent.base;
  }
  const base = new Uint8Array(sent.byteLength);
  const pieces = { ...sent.pieces, present: new Uint8Array(sent.pieces.names.length) };
  for (const [piece, bytes] of sent.content) placePiece(base, pieces, piece, bytes);
  fillFrom(base, pieces, source);
  return base;
}
