// SPDX-License-Identifier: MIT
/** Journals of ext3 and ext4 filesystems that are on a volume of their own. */
import type { ByteSource } from '../source.js';
import type { Filesystem } from './partitions.js';

/** Places in the superblock (struct ext4_super_block). */
const SUPERBLOCK = {
  uuid: 1024 + 0x68,
  journalUuid: 1024 + 0xd0,
  journalInode: 1024 + 0xe0,
  bytes: 1024 + 0x100,
} as const;
const UUID_BYTES = 16;

export interface KnownVolume {
  readonly filesystem: Filesystem;
  readonly bytes: ByteSource;
}

/** The volume among `all` that has the journal of `volume`; undefined if the journal is inside, or not there. */
export function journalOf({ filesystem, bytes }: KnownVolume, all: readonly KnownVolume[]): ByteSource | undefined {
  if ((filesystem !== 'ext3' && filesystem !== 'ext4') || bytes.byteLength < SUPERBLOCK.bytes) return undefined;
  if (bytes.read(SUPERBLOCK.journalInode, 4).some((byte) => byte !== 0)) return undefined;
  const wanted = uuidAt(bytes, SUPERBLOCK.journalUuid);
  return all.find((other) => other.filesystem === 'jbd2' && uuidAt(other.bytes, SUPERBLOCK.uuid) === wanted)?.bytes;
}

const uuidAt = (bytes: ByteSource, at: number): string => String(bytes.read(at, UUID_BYTES));
