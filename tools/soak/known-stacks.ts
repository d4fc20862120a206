// SPDX-License-Identifier: MIT
/**
 * What is known to be wrong with snapshots of stacks, by the name of the stack: a line of its findings. A stack that gets
 * well fails until its line here is removed, so that this list only shrinks.
 */
import type { Stack } from './stacks.js';

/**
 * The filesystem below is younger than the one that stands on it. So it is frozen first, and the upper one waits for it
 * without an end.
 */
const HANGS = /the suspend did not end within/;
const FROZEN_IN_THE_WRONG_ORDER = [
  'ext4, moved to a younger loop on ext4',
  'ext4, moved to a younger loop on xfs',
  'ext4, moved to a younger loop on btrfs',
  'xfs, moved to a younger loop on ext4',
  'xfs, moved to a younger loop on xfs',
  'xfs, moved to a younger loop on btrfs',
  'btrfs, moved to a younger loop on ext4',
  'btrfs, moved to a younger loop on xfs',
  'btrfs, moved to a younger loop on btrfs',
  'vfat, moved to a younger loop on ext4',
  'vfat, moved to a younger loop on xfs',
  'vfat, moved to a younger loop on btrfs',
  'ext4 on crypt, moved to a younger linear on loop on ext4 on crypt',
  'ext4 on loop on xfs, moved to a younger loop on ext4',
  'overlay on ext4, moved to a younger loop on ext4',
  'btrfs, extended by a younger loop on ext4',
  'btrfs, extended by a younger loop on xfs',
  'btrfs, extended by a younger loop on btrfs',
];

export const KNOWN_FINDINGS: Readonly<Record<string, RegExp>> = Object.fromEntries(
  FROZEN_IN_THE_WRONG_ORDER.map((name) => [name, HANGS]),
);

export const isKnown = ({ name }: Stack): boolean => KNOWN_FINDINGS[name] !== undefined;
