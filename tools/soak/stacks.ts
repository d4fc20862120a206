// SPDX-License-Identifier: MIT
/**
 * Stacks of filesystems and devices for snapshot(2), generated from tables of layers and the rules of what can stand on
 * what. A snapshot of each must pass, or be refused with a reason.
 */

/** `needsMiB`: what the filesystem needs; `gives`: the part of its device that a file on it can have. */
const FILESYSTEMS = {
  ext4: { needsMiB: 8, gives: 0.6 },
  xfs: { needsMiB: 24, gives: 0.6 },
  btrfs: { needsMiB: 20, gives: 0.55 },
  f2fs: { needsMiB: 42, gives: 0.35 },
  vfat: { needsMiB: 8, gives: 0.7 },
} as const;
type Filesystem = keyof typeof FILESYSTEMS;
const ALL = Object.keys(FILESYSTEMS) as readonly Filesystem[];

/** `passes`: the snapshot must be taken. `either`: it may also be refused, with a reason. */
export type Ends = 'passes' | 'either';

/** Devices over another. `spare`: it needs a second one. Those that write by themselves may be refused. */
const DEVICES: Readonly<Record<string, { readonly ends: Ends; readonly spare?: true; readonly label?: string }>> = {
  linear: { ends: 'passes' },
  striped: { ends: 'passes', spare: true },
  crypt: { ends: 'passes' },
  reloaded: { ends: 'passes', label: 'reloaded linear' },
  delay: { ends: 'either' },
  flakey: { ends: 'either' },
  dust: { ends: 'either' },
  'log-writes': { ends: 'either', spare: true },
  snapshot: { ends: 'either', spare: true },
  thin: { ends: 'either', spare: true },
  cache: { ends: 'either', spare: true },
  integrity: { ends: 'either' },
  mirror: { ends: 'either', spare: true },
  bcache: { ends: 'either', spare: true },
  held: { ends: 'passes', label: 'suspended linear' },
  // The upper part is made and mounted before what it moves to, or what extends it.
  moved: { ends: 'either', spare: true, label: 'moved to' },
  added: { ends: 'either', spare: true, label: 'extended by' },
};
/** Those that every filesystem stands on, and those that some do. */
const PLAIN = ['linear', 'striped', 'crypt', 'reloaded', 'mirror'] as const;
const SPECIAL = ['delay', 'flakey', 'dust', 'log-writes', 'snapshot', 'thin', 'cache', 'integrity', 'bcache'] as const;

/** The partitions of the disk of the recipe `layers`, and what of one is left for a filesystem. */
export const PARTITIONS = ['sdb4', 'sdb5', 'sdb6', 'sdb7', 'sdb8', 'sdb9', 'sdb10', 'sdb11'] as const;
const PARTITION_MIB = 73;
/** The length of a device that is to move. */
const MOVED_MIB = 36;

export interface Stack {
  /** Says what stands on what: `xfs on crypt on loop on ext4`. */
  readonly name: string;
  /** From top to bottom, without the partitions. */
  readonly layers: readonly string[];
  readonly ends: Ends;
  /**
   * A snapshot is tried while writes to the layer `held`, or else to the uppermost filesystem, are held back. That must be
   * refused. Then it is tried without.
   */
  readonly isHeld: boolean;
}

/** A stack of these layers, from top to bottom; undefined when they cannot stand on each other. */
function stackOf(layers: readonly string[], isFrozen = false): Stack | undefined {
  if (!canStand(layers)) return undefined;
  const endings = layers.map((layer) => DEVICES[layer]?.ends ?? 'passes');
  return {
    name: nameOf(layers) + (isFrozen ? ', frozen' : ''),
    layers,
    ends: endings.includes('either') ? 'either' : 'passes',
    isHeld: isFrozen || layers.includes('held'),
  };
}

function nameOf(layers: readonly string[]): string {
  return layers.reduce((name, layer) => {
    if (name === '') return layer;
    if (layer === 'moved' || layer === 'added') return `${name}, ${DEVICES[layer]?.label ?? ''} a younger`;
    const joint = /younger$/.test(name) ? ' ' : ' on ';
    return name + joint + (DEVICES[layer]?.label ?? layer);
  }, '');
}

/** Whether each layer has a layer below that it can use, and the room that it needs. */
function canStand(layers: readonly string[]): boolean {
  const joint = layers.findIndex((layer) => layer === 'moved' || layer === 'added');
  if (joint >= 0) {
    const [upper, lower] = [layers.slice(0, joint), layers.slice(joint + 1)];
    const room = roomOn(lower, PARTITION_MIB);
    return (
      (layers[joint] === 'moved' || upper[0] === 'btrfs') &&
      room !== undefined &&
      room.deviceMiB >= MOVED_MIB + 1 &&
      roomOn(upper, MOVED_MIB)?.folderMiB !== undefined
    );
  }
  return roomOn(layers, PARTITION_MIB)?.folderMiB !== undefined;
}

/** What the uppermost layer offers: a device, or a filesystem in which a file can have so much. */
function roomOn(
  layers: readonly string[],
  partitionMiB: number,
): { readonly deviceMiB: number; readonly folderMiB?: number; readonly isOverlay?: true } | undefined {
  const [top, ...below] = layers;
  if (top === undefined) return { deviceMiB: partitionMiB };
  const room = roomOn(below, partitionMiB);
  if (room === undefined) return undefined;
  const { deviceMiB, folderMiB, isOverlay } = room;
  if (top === 'loop') return folderMiB === undefined || isOverlay ? undefined : { deviceMiB: folderMiB };
  // Its upper layer needs extended attributes.
  if (top === 'overlay')
    return folderMiB === undefined || below[0] === 'vfat' ? undefined : { deviceMiB: 0, folderMiB, isOverlay: true };
  if (folderMiB !== undefined) return undefined;
  if (!(top in FILESYSTEMS)) return { deviceMiB };
  const { needsMiB, gives } = FILESYSTEMS[top as Filesystem];
  return deviceMiB < needsMiB ? undefined : { deviceMiB: 0, folderMiB: deviceMiB * gives };
}

/** All stacks, each with a name of its own. */
export const STACKS: readonly Stack[] = [
  // Each filesystem over each device.
  ...ALL.flatMap((top) => PLAIN.map((device) => [top, device])),
  ...(['ext4', 'xfs', 'btrfs'] as const).flatMap((top) => SPECIAL.map((device) => [top, device])),
  // In a file of each other one.
  ...ALL.flatMap((top) => ALL.map((host) => [top, 'loop', host])),
  // Devices above and below of such a file.
  ...(['ext4', 'xfs'] as const).flatMap((top) =>
    (['crypt', 'reloaded', 'mirror', 'integrity'] as const).map((device) => [top, device, 'loop', 'ext4']),
  ),
  ...(['crypt', 'reloaded', 'mirror', 'thin'] as const).flatMap((device) => [
    ['ext4', 'loop', 'xfs', device],
    ['xfs', 'loop', 'btrfs', device],
  ]),
  ['xfs', 'crypt', 'linear', 'loop', 'ext4', 'crypt', 'striped'],
  // Files in files.
  ['ext4', 'loop', 'xfs', 'loop', 'ext4'],
  ['vfat', 'loop', 'ext4', 'loop', 'btrfs'],
  ['xfs', 'crypt', 'loop', 'vfat', 'loop', 'ext4', 'linear'],
  // A filesystem that has no device.
  ...ALL.map((lower) => ['overlay', lower, 'linear']),
  ['overlay', 'ext4', 'loop', 'xfs'],
  // Devices that are younger than the filesystem on them.
  ...ALL.flatMap((top) => (['ext4', 'xfs', 'btrfs'] as const).map((host) => [top, 'moved', 'loop', host])),
  ...(['ext4', 'xfs', 'btrfs'] as const).map((top) => [top, 'moved', 'crypt']),
  ['ext4', 'crypt', 'moved', 'linear', 'loop', 'ext4', 'crypt'],
  ['ext4', 'loop', 'xfs', 'moved', 'loop', 'ext4'],
  ['overlay', 'ext4', 'moved', 'loop', 'ext4'],
  ...(['ext4', 'xfs', 'btrfs'] as const).map((host) => ['btrfs', 'added', 'loop', host]),
  ['btrfs', 'added', 'crypt'],
  // Held back on any level.
  ['ext4', 'held'],
  ['xfs', 'crypt', 'held'],
  ['btrfs', 'held', 'crypt'],
  ['ext4', 'loop', 'xfs', 'held'],
  ['ext4', 'loop', 'xfs', 'crypt', 'held'],
  ['xfs', 'linear', 'held', 'loop', 'ext4'],
]
  .flatMap((layers) => stackOf(layers) ?? [])
  .concat(
    [
      ['ext4', 'linear'],
      ['xfs', 'crypt'],
      ['btrfs', 'loop', 'ext4'],
      ['vfat', 'linear'],
    ].flatMap((layers) => stackOf(layers, true) ?? []),
  );

/** How many partitions a stack needs. */
export const partitionsOf = ({ layers }: Stack): number =>
  1 + layers.filter((layer) => DEVICES[layer]?.spare === true).length;

/** The words that make the stack of these partitions, for the guest's program `stack`. */
export function wordsFor({ layers }: Stack, partitions: readonly string[]): readonly string[] {
  let next = 0;
  const take = (): string => partitions[next++] ?? '';
  return [...layers.map((layer) => (DEVICES[layer]?.spare ? `${layer}:${take()}` : layer)), take()];
}

/** At most so many in one machine, so that a failure is soon found to be of one of them. */
const TOGETHER_MAX = 4;

/**
 * The stacks in groups that share a machine: those that must pass, as far as its disk goes. Others are alone, and so are
 * those that `fails` names.
 */
export function groupsOf(
  stacks: readonly Stack[],
  fails: (stack: Stack) => boolean = () => false,
): readonly (readonly Stack[])[] {
  const isAlone = (stack: Stack): boolean => stack.ends !== 'passes' || fails(stack);
  const groups: Stack[][] = stacks.filter(isAlone).map((stack) => [stack]);
  let group: Stack[] = [];
  for (const stack of stacks.filter((one) => !isAlone(one))) {
    const used = [...group, stack].reduce((sum, one) => sum + partitionsOf(one), 0);
    if (group.length === 0 || group.length === TOGETHER_MAX || used > PARTITIONS.length) groups.unshift((group = []));
    group.push(stack);
  }
  return groups;
}
