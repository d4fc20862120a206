// SPDX-License-Identifier: MIT
/**
 * The swap area that stock hibernation writes its image to. The kernel is told its place before it suspends, and again when
 * it resumes, as distributions do.
 */
import type { Agent } from '../agent/agent.js';
import type { Bound } from './bound.js';
import { resultOf, shell } from './commands.js';
import { refusedOrStopped } from './refused.js';
import type { Recorder } from './recorder.js';

export interface SwapPlace {
  /** A block device. */
  readonly device: string;
  /** The page of the device with the header of the swap area. It is 0 unless the area is a file. */
  readonly headerPage: number;
}

/**
 * The swap area in which the initramfs of a machine with this command line looks for an image. The last `resume=` and
 * the last `resume_offset=` count. Undefined when there is no `resume=`.
 */
export function swapOfCommandLine(cmdline: string): SwapPlace | undefined {
  const valueOf = (name: string): string | undefined =>
    cmdline
      .split(/\s+/u)
      .findLast((word) => word.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const device = valueOf('resume');
  if (!device) return undefined;
  return { device, headerPage: Number(/^\d+/.exec(valueOf('resume_offset') ?? '')?.[0] ?? 0) };
}

/** The path of a device that the kernel command line names by an id, in a guest that has the links of udev. */
export function pathOf(device: string): string {
  const [, kind, id] = /^(UUID|PARTUUID|PARTLABEL)=(.+)$/u.exec(device) ?? [];
  if (kind === undefined || id === undefined) return device;
  return `/dev/disk/by-${kind.toLowerCase()}/${kind === 'PARTLABEL' ? id : id.toLowerCase()}`;
}

/** The words of the kernel command line with which a machine resumes from there. */
export const resumeWords = ({ device, headerPage }: SwapPlace): string =>
  `resume=${device} resume_offset=${headerPage}`;

/**
 * Asks the guest for the place of a swap area that is on: a block device, or a file.
 * @throws Refused when the guest cannot name it.
 */
export async function swapPlaceOf(area: string, agent: Agent, recorder: Recorder, bound: Bound): Promise<SwapPlace> {
  const end = await bound.during((virtualMsMax) =>
    agent.exec(shell(`swap-place '${area.replaceAll("'", `'\\''`)}'`), { virtualMsMax }),
  );
  const { exitCode, stdout } = resultOf(end);
  const [, device, page] = /^(\/\S+) (\d+)\n$/.exec(stdout) ?? [];
  if (exitCode === 0 && device !== undefined) return { device, headerPage: Number(page) };
  throw refusedOrStopped(
    `the image cannot be saved in the swap area ${area}`,
    end,
    recorder,
    `\`swap\` of the suspend must name a block device or a file that is on (mkswap, swapon), on a filesystem that keeps it in one place of one device`,
  );
}
