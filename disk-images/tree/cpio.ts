// SPDX-License-Identifier: MIT
/**
 * Writes cpio archives in the format `newc`, which the kernel unpacks as its initramfs.
 *
 * The format as the kernel reads it (Documentation/driver-api/early-userspace/buffer-format.rst): per file a header of
 * thirteen eight-digit hexadecimal numbers after the magic `070701`, the name with its NUL, padding to four bytes,
 * the content, padding again; `TRAILER!!!` ends it. Archives may follow one another.
 */
import type { Entry } from '../../emulator/host/node/tree/tree.js';

const TYPE_BITS = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  fifo: 0o010000,
  char: 0o020000,
  block: 0o060000,
} as const;

/** The archive of `entries` in their order, times 0, inode numbers counting from 1. Equal entries give equal bytes. */
export function cpioArchive(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const pieces = entries.map((entry, index) => member(entry, index + 1));
  pieces.push(
    record('TRAILER!!!', new Uint8Array(0), {
      ino: 0,
      mode: 0,
      uid: 0,
      gid: 0,
      linkCount: 1,
      rdevMajor: 0,
      rdevMinor: 0,
    }),
  );
  const archive = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    archive.set(piece, at);
    at += piece.length;
  }
  return archive;
}

interface Header {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
}

function member(entry: Entry, ino: number): Uint8Array {
  const device =
    entry.kind === 'device' ? { rdevMajor: entry.major, rdevMinor: entry.minor } : { rdevMajor: 0, rdevMinor: 0 };
  const type = TYPE_BITS[entry.kind === 'device' ? entry.type : entry.kind];
  const content =
    entry.kind === 'file'
      ? entry.content
      : entry.kind === 'symlink'
        ? new TextEncoder().encode(entry.target)
        : new Uint8Array(0);
  return record(entry.path, content, {
    ino,
    mode: type | entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    linkCount: entry.kind === 'directory' ? 2 : 1,
    ...device,
  });
}

function record(name: string, content: Uint8Array, header: Header): Uint8Array {
  const nameBytes = new TextEncoder().encode(`${name}\0`);
  const { ino, mode, uid, gid, linkCount, rdevMajor, rdevMinor } = header;
  const numbers = [ino, mode, uid, gid, linkCount, 0, content.length, 0, 0, rdevMajor, rdevMinor, nameBytes.length, 0];
  const head = new TextEncoder().encode(`070701${numbers.map((n) => n.toString(16).padStart(8, '0')).join('')}`);
  const contentAt = align4(head.length + nameBytes.length);
  const bytes = new Uint8Array(align4(contentAt + content.length));
  bytes.set(head);
  bytes.set(nameBytes, head.length);
  bytes.set(content, contentAt);
  return bytes;
}

const align4 = (n: number): number => (n + 3) & ~3;
