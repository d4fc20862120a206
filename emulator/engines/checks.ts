// SPDX-License-Identifier: MIT
/** What every engine checks before it makes or runs a machine, so that all refuse the same input with the same words. */
import type { Checkpoint, EngineTraits, MachineConfig, RestoreConfig, RunRequest } from '../machine/contract.js';
import { DELIVERY_BYTES_MAX } from '../machine/delivery.js';
import { InputError } from '../machine/errors.js';
import { ramOffset, ramPlaces } from '../machine/ram.js';
import { SECTOR_BYTES } from '../machine/units.js';

/** The name of an engine, and what it promises. */
export interface EngineFacts {
  readonly name: string;
  readonly traits: EngineTraits;
}

/** @throws InputError when an engine with these traits cannot make such a machine at power-on. */
export function checkConfig(config: MachineConfig, facts: EngineFacts): void {
  checkMachine(config, facts);
  const { kernel } = config;
  // "HdrS" at 0x202: the boot protocol's magic.
  if (kernel.length < 0x210 || [0x48, 0x64, 0x72, 0x53].some((byte, at) => kernel[0x202 + at] !== byte)) {
    throw new InputError('the kernel is not a bzImage', { remedy: 'give arch/x86/boot/bzImage of a kernel build' });
  }
}

/** What is checked of a machine that is restored, too. */
function checkMachine(config: RestoreConfig, { name, traits }: EngineFacts): void {
  const { memoryMiB, highMemoryMiB = 0, nodes = 1, processors = 1 } = config;
  const { disks, diskBus = 'ide', volatileCaches, share, seed, wallClockMs } = config;
  const { min, max } = traits.memoryMiB;
  if (!Number.isInteger(memoryMiB) || memoryMiB < min || memoryMiB > max)
    throw new InputError(`a machine of ${name} has ${min} to ${max} MiB of RAM, not ${memoryMiB}`);
  if (!Number.isInteger(processors) || processors < 1 || processors > traits.processorsMax)
    throw new InputError(
      `a machine of ${name} has ${traits.processorsMax === 1 ? 'one processor' : `1 to ${traits.processorsMax} processors`}, not ${processors}`,
    );
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > traits.nodesMax || nodes > processors || memoryMiB % nodes !== 0)
    throw new InputError(
      traits.nodesMax === 1
        ? `a machine of ${name} has one NUMA node, not ${nodes}`
        : `a machine of ${name} has 1 to ${traits.nodesMax} NUMA nodes with a processor and an equal part of its RAM each, which ${nodes} nodes cannot have`,
    );
  if (highMemoryMiB !== 0 && !traits.highMemory) throw new InputError(`a machine of ${name} has no RAM above 4 GiB`);
  // The kernel is loaded into the lower part.
  if (!Number.isInteger(highMemoryMiB) || highMemoryMiB < 0 || highMemoryMiB > memoryMiB - min)
    throw new InputError(
      `of ${memoryMiB} MiB of RAM, 0 to ${memoryMiB - min} MiB can lie above 4 GiB, not ${highMemoryMiB}`,
    );
  if (share && !traits.share) throw new InputError(`a machine of ${name} cannot have a share`);
  if (!traits.diskBuses.includes(diskBus)) throw new InputError(`a machine of ${name} cannot have ${diskBus} disks`);
  if (volatileCaches === true && !traits.volatileCaches)
    throw new InputError(`the disks of the ${name} engine have no volatile cache`);
  if (disks.length > 2) throw new InputError(`a machine has at most 2 disks, not ${disks.length}`);
  disks.forEach(({ base, overlay = [] }, number) => {
    if (base.byteLength === 0 || base.byteLength % SECTOR_BYTES !== 0) {
      throw new InputError(`disk ${number} is ${base.byteLength} bytes long, which is not a whole number of sectors`, {
        remedy: 'pad the image to a multiple of 512 bytes',
      });
    }
    for (const { sector, bytes } of overlay) {
      if (sector * SECTOR_BYTES + bytes.byteLength > base.byteLength)
        throw new InputError(`a write at sector ${sector} lies outside disk ${number}`);
    }
  });
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new InputError(`a seed is an unsigned 32-bit integer, not ${seed}`);
  if (!Number.isFinite(wallClockMs)) throw new InputError('the wall clock at power-on is not a date');
}

/** @throws InputError when this engine cannot restore such a checkpoint, or make a machine of this config. */
export function checkRestored(config: RestoreConfig, checkpoint: Checkpoint, facts: EngineFacts): void {
  checkMachine(config, facts);
  if (checkpoint.engine !== facts.name)
    throw new InputError(`a checkpoint of the ${checkpoint.engine} engine cannot be restored by ${facts.name}`);
}

/** @throws InputError when a machine of this config cannot run so. */
export function checkRequest(
  { virtualMsMax, triggers = [], deliver }: RunRequest,
  config: RestoreConfig,
  { name, traits }: EngineFacts,
): void {
  const { disks } = config;
  if (!(virtualMsMax > 0)) throw new InputError(`a run needs a bound in virtual time, not ${virtualMsMax}`);
  if (deliver && deliver.length > DELIVERY_BYTES_MAX)
    throw new InputError(`a delivery has at most ${DELIVERY_BYTES_MAX} bytes, not ${deliver.length}`);
  for (const { when, then } of triggers) {
    if ((when.on === 'write' || when.on === 'writeTo') && when.disk >= disks.length)
      throw new InputError(`the machine has no disk ${when.disk}`);
    if (when.on === 'instruction' && !traits.countsInstructions)
      throw new InputError(`the ${name} engine does not count instructions, so it cannot act at a count of them`);
    if (when.on === 'writeTo' && then.do === 'failDisk')
      throw new InputError(
        'a disk fails from a marker or from a write by its number on, not from a write to certain sectors on',
      );
    if (then.do === 'failDisk' && !traits.diskFaults)
      throw new InputError(`the disks of the ${name} engine cannot fail`);
    if (then.do === 'failDisk' && then.disk >= disks.length)
      throw new InputError(`the machine has no disk ${then.disk}`);
    if (then.do === 'flip' && ramOffset(ramPlaces(config), then.gpa, then.xor.length) === undefined)
      throw new InputError(`the machine has no memory at ${then.gpa}`);
  }
}
