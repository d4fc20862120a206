// SPDX-License-Identifier: MIT
/** Copies the files of a plan into the guest, after a check that there is room for them. */
import { isRefusal, type Agent, type Room } from '../agent/agent.js';
import { ERRNO } from '../machine/errno.js';
import { InputError } from '../machine/errors.js';
import type { GuestFile } from './plan.js';

/** Smaller amounts are copied without a progress message. */
const SAID_BYTES_MIN = 1e6;
/** Virtual time for one piece of a file. A slow disk of the guest needs most of it. */
const PIECE_MS_MAX = 120_000;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const REMEDY =
  'leave out what the guest does not need, let it read a folder in place (`machine: { share: FOLDER }`), or give it a disk with more room';

/**
 * Copies `files` into the guest, in their order; `say` gets the fraction that has been copied, 0 to 1.
 * @throws InputError when one of them does not fit. Usually nothing has been copied then. An exception is a filesystem
 *   that has less room than it reports.
 */
export async function copyIntoGuest(
  agent: Agent,
  files: readonly GuestFile[],
  say: (what: string, fraction: number) => void,
): Promise<void> {
  if (files.length === 0) return;
  await expectRoom(agent, files);
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
  let doneBytes = 0;
  for (const file of files) {
    const { path, bytes, mode } = file;
    const onWritten = (written: number): void => {
      if (totalBytes >= SAID_BYTES_MIN)
        say(`copy ${megabytes(totalBytes)} into the guest`, (doneBytes + written) / totalBytes);
    };
    onWritten(0);
    try {
      await agent.putFile(path, bytes, { mode, onWritten, virtualMsMax: PIECE_MS_MAX });
    } catch (error) {
      // The filesystem's own structures need room, too. The amount is not known beforehand.
      if (!isRefusal(error, ERRNO.ENOSPC)) throw error;
      const room = await agent.roomFor(path);
      throw tooLarge(file, room && room.freeBlocks * room.blockBytes, { cause: error });
    }
    doneBytes += bytes.length;
  }
}

/** The room in a filesystem, after the files so far. */
interface Left {
  readonly blockBytes: number;
  blocks: number;
  inodes: number;
}

async function expectRoom(agent: Agent, files: readonly GuestFile[]): Promise<void> {
  const byDevice = new Map<number, Left>();
  const byFolder = new Map<string, Left | undefined>();
  for (const file of files) {
    const folder = file.path.slice(0, file.path.lastIndexOf('/'));
    if (!byFolder.has(folder)) byFolder.set(folder, leftOf(await agent.roomFor(file.path), byDevice));
    const left = byFolder.get(folder);
    if (left === undefined) continue;
    const blocks = Math.ceil(file.bytes.length / left.blockBytes);
    if (blocks > left.blocks) throw tooLarge(file, left.blocks * left.blockBytes);
    if (left.inodes < 1)
      throw new InputError(`${nameOf(file)} cannot be copied into the guest: its filesystem has no inode left for it`, {
        remedy: REMEDY,
      });
    left.blocks -= blocks;
    left.inodes--;
  }
}

/** All folders of a filesystem share one entry. Undefined for a filesystem that does not report its size. */
function leftOf(room: Room | undefined, byDevice: Map<number, Left>): Left | undefined {
  if (room === undefined || room.blocks === 0 || room.blockBytes === 0) return undefined;
  const known = byDevice.get(room.device);
  if (known) return known;
  const left = { blockBytes: room.blockBytes, blocks: room.freeBlocks, inodes: room.freeInodes };
  byDevice.set(room.device, left);
  return left;
}

function tooLarge(
  file: GuestFile,
  roomBytes: number | undefined,
  detail: { readonly cause?: unknown } = {},
): InputError {
  const { path, bytes } = file;
  const left = roomBytes === undefined ? 'is full' : `has ${megabytes(roomBytes)} left for it`;
  return new InputError(
    `${nameOf(file)} (${megabytes(bytes.length)}) does not fit into the guest: the filesystem of ${path} ${left}`,
    { ...detail, remedy: REMEDY },
  );
}

const nameOf = ({ from, path }: GuestFile): string => from ?? path;
