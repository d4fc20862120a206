// SPDX-License-Identifier: MIT
/** The contents of a disk recipe. See `disk-images/README.md` for the file format. */
import type { KernelArch } from '../../guest-kernel/build.js';
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
  /** Lines of a table, in which VOLUME means the volume's device. Without a table: the whole volume, linear. */
  readonly table: readonly string[] | undefined;
}

/** A filesystem, or other contents (swap, raw), on a whole disk or one partition of it. */
export interface Volume {
  readonly name: string;
  readonly sizeBytes: number;
  readonly filesystem: Filesystem;
  readonly label: string | undefined;
  readonly uuid: string;
  /** Device-mapper devices over it, lowest first. They exist when a scenario's `boot` has ended. */
  readonly deviceMapper: readonly Mapped[];
  readonly packages: { readonly install: readonly string[]; readonly without: readonly string[] } | undefined;
  /** Paths of files of packages that are omitted. */
  readonly drop: readonly string[];
  readonly sources: readonly TreeSource[];
}

/** A source of entries of the tree. */
export type TreeSource =
  | { readonly from: 'recipe'; readonly entries: readonly Entry[] }
  /**
   * One of our guest programs. '*' means all of them; `path` is then their folder. With `arch`, it is the program for that
   * architecture, and only disks of other architectures have it.
   */
  | {
      readonly from: 'userspace';
      readonly program: string;
      readonly arch?: KernelArch | undefined;
      readonly path: string;
      readonly mode: number;
    }
  /** A file or folder of the host, absolute. Files in a folder keep their permission bits. */
  | {
      readonly from: 'host';
      readonly hostPath: string;
      readonly path: string;
      readonly mode: number | undefined;
      readonly uid: number;
      readonly gid: number;
    };

/** Whether the filesystem can contain files. */
export const holdsFiles = (filesystem: Filesystem): boolean => filesystem !== 'swap' && filesystem !== 'raw';
