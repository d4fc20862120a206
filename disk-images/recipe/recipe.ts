// SPDX-License-Identifier: MIT
/** What a disk recipe says, after reading. See `disk-images/README.md` for the file format. */
import type { Entry } from '../../emulator/host/node/tree/tree.js';

export const FILESYSTEMS = ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat', 'swap', 'raw'] as const;
export type Filesystem = (typeof FILESYSTEMS)[number];

export interface Recipe {
  /** Legal as a file name; names the disk in reports. */
  readonly name: string;
  readonly sizeBytes: number;
  /** `none`: the one volume fills the disk. */
  readonly table: 'none' | 'gpt' | 'mbr';
  /** Identifier of the partition table: a UUID for gpt, eight hexadecimal digits for mbr. */
  readonly diskId: string;
  readonly volumes: readonly Volume[];
}

export interface Mapped {
  readonly name: string;
  /** Lines of a table, in which VOLUME stands for the volume's device; all of the volume, linear, when there is none. */
  readonly table: readonly string[] | undefined;
}

/** A filesystem, or what stands in its place: a whole disk or one partition of it. */
export interface Volume {
  readonly name: string;
  readonly sizeBytes: number;
  readonly filesystem: Filesystem;
  readonly label: string | undefined;
  readonly uuid: string;
  /** Device-mapper devices over it, lowest first; they are there when a scenario's `boot` is done. */
  readonly deviceMapper: readonly Mapped[];
  readonly packages: { readonly install: readonly string[]; readonly without: readonly string[] } | undefined;
  /** Paths to leave out of what the packages bring. */
  readonly drop: readonly string[];
  readonly sources: readonly TreeSource[];
}

/** Where entries of the tree come from. */
export type TreeSource =
  | { readonly from: 'recipe'; readonly entries: readonly Entry[] }
  /** A guest program of ours, or with '*' every one; `path` is then their folder. */
  | { readonly from: 'userspace'; readonly program: string; readonly path: string; readonly mode: number }
  /** A file or folder of the host's, absolute. Folders keep the permission bits of what is in them. */
  | {
      readonly from: 'host';
      readonly hostPath: string;
      readonly path: string;
      readonly mode: number | undefined;
      readonly uid: number;
      readonly gid: number;
    };

/** Whether the filesystem holds files at all. */
export const holdsFiles = (filesystem: Filesystem): boolean => filesystem !== 'swap' && filesystem !== 'raw';
