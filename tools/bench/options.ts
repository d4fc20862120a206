// SPDX-License-Identifier: MIT
/** The benchmark's command line. */
import { parseArgs } from 'node:util';
import { InputError } from '../../emulator/machine/errors.js';

export const PARTS = [
  'boot',
  'cycle',
  'snapshot',
  'walk',
  'walk-qemu',
  'engines',
  'memory',
  'page',
  'validate',
] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly help: boolean;
  readonly json: string | undefined;
  readonly parts: readonly Part[];
  /** Number of samples of every measurement with a boot. */
  readonly turns: number;
}

const TURNS = 5;

export const HELP = `usage: npm run bench -- [--json FILE] [--turns N] [--only PART,...]

Measures Snapback against what it is built on, on the same kernel, initramfs and disks, in turns (A B B A ...):
  boot      power-on to shell: our deterministic machine against v86 as its package gives it
  cycle     boot, work, suspend to disk, power off, resume, check: ours (cold, from checkpoints, hot) against QEMU TCG
  snapshot  sys_snapshot against swsusp: time that userspace stands still, memory that can be saved without swap, image
            bytes per instruction; a verified cycle against QEMU TCG's
  walk      how long snapshot(2) works on the memory of a program, and fork() of the same one, by its size
  walk-qemu the same in QEMU, up to 2.6 GiB: only on an idle host
  engines   the same verified cycle in v86, in QEMU on one processor, and in QEMU on two
  memory    comparison of two captures of guest RAM, in GB/s
  page      the page in headless Chromium (/usr/bin/chromium): bytes over the wire and time to its prompt, first visit and warm;
            the way to an instant of a machine that has worked for a minute, and to each place of a run; a boot and a cycle
            there against Node
  validate  a new patch by the matrix quick, to the first verdict and to the end; and cells side by side against one by one

  --json FILE      write everything, each sample too, to FILE
  --turns N        samples of each (${TURNS} unless told)
  --only PART,...  some of the parts only
`;

/** @throws InputError for unknown options. */
export function readOptions(args: readonly string[]): Options {
  let values: {
    json?: string | undefined;
    turns?: string | undefined;
    only?: string | undefined;
    help?: boolean | undefined;
  };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'string' },
        turns: { type: 'string' },
        only: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (cause) {
    throw new InputError((cause as Error).message, { cause, remedy: 'npm run bench -- --help lists the options' });
  }
  const turns = values.turns === undefined ? TURNS : Number(values.turns);
  if (!Number.isInteger(turns) || turns < 1)
    throw new InputError(`--turns is a whole number from 1 on, not ${values.turns ?? ''}`);
  const named = values.only === undefined ? PARTS : values.only.split(',');
  for (const name of named)
    if (!isPart(name))
      throw new InputError(`there is no part '${name}'`, { remedy: `the parts are ${PARTS.join(', ')}` });
  return { help: values.help === true, json: values.json, parts: PARTS.filter((part) => named.includes(part)), turns };
}

const isPart = (name: string): name is Part => (PARTS as readonly string[]).includes(name);
