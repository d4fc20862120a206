// SPDX-License-Identifier: MIT
/**
 * The QEMU engine: machines with several processors, of any kernel for x86. It uses QEMU as Debian delivers it, without
 * hardware virtualization and without root. Its machines are not deterministic.
 */
import { command } from '../../../host/node/process.js';
import type { Engine } from '../../../machine/contract.js';
import { InputError, RigError } from '../../../machine/errors.js';
import { checkConfig, checkRestored, type EngineFacts } from '../../checks.js';
import { unpackMachine } from '../checkpoint.js';
import { QEMU_PROGRAM } from '../command-line.js';
import { QEMU_ENGINE, QEMU_TRAITS } from '../traits.js';
import { INSTALL_QEMU, QEMU_PACKAGE } from './install.js';
import { startMachine } from './machine.js';

const QEMU: EngineFacts = { name: QEMU_ENGINE, traits: QEMU_TRAITS };

export interface QemuEngineOptions {
  /** Real time in ms within which QEMU must answer each command; default 60,000. */
  readonly stallMs?: number;
  /** Attach the disks in the reverse order, so the guest's kernel finds the last one first; default no. */
  readonly disksReversed?: boolean;
}

const STALL_MS = 60_000;
/** The first version with `-action`. */
const VERSION_MIN = 6;

/** An engine that runs each machine in a process of QEMU. */
export function createQemuEngine({ stallMs = STALL_MS, disksReversed = false }: QemuEngineOptions = {}): Engine {
  let version: Promise<string> | undefined;
  return {
    ...QEMU,
    async powerOn(config) {
      checkConfig(config, QEMU);
      await (version ??= qemuVersion());
      return startMachine({ ...config, ...(disksReversed && { disksReversed }) }, QEMU, stallMs);
    },
    async restore(config, checkpoint) {
      checkRestored(config, checkpoint, QEMU);
      const { kernel } = config;
      // QEMU finds the memory of the firmware's devices by their names, and the kernel is in one.
      if (!kernel) throw new InputError(`the ${QEMU_ENGINE} engine restores a machine only with its kernel`);
      const before = unpackMachine(config, checkpoint.bytes);
      await (version ??= qemuVersion());
      return startMachine({ ...config, kernel, ...(disksReversed && { disksReversed }) }, QEMU, stallMs, before);
    },
  };
}

/**
 * The version of the installed QEMU.
 * @throws RigError when there is none, or one that is too old, with the name of the package.
 */
export async function qemuVersion(signal: AbortSignal = new AbortController().signal): Promise<string> {
  const { stdout } = await command(
    QEMU_PROGRAM,
    ['--version'],
    { signal },
    { remedy: INSTALL_QEMU, timeoutMs: STALL_MS },
  );
  const version = /version (\d+\S*)/.exec(stdout)?.[1] ?? '';
  if (!(parseInt(version, 10) >= VERSION_MIN))
    throw new RigError(`${QEMU_PROGRAM} is of version ${version || 'unknown'}, and ${VERSION_MIN}.0 is needed`, {
      remedy: `install a newer package ${QEMU_PACKAGE}`,
    });
  return version;
}
