// SPDX-License-Identifier: MIT
/**
 * Measures the time from power-on to the shell, in v86 as published and in our deterministic machine. Both end at the
 * same instruction: the port write by which the guest's agent reports that it is ready. (init starts the shell on the
 * console just after it.)
 */
import { createV86Engine } from '../../emulator/engines/v86/host-node/engine.js';
import type { V86Constructor } from '../../emulator/engines/v86/internals.js';
import { RigError } from '../../emulator/machine/errors.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { MARKER_PORT_USER, USER_MARKERS } from '../../emulator/machine/markers.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { bootOnce } from './boot-once.js';
import { cpuMs } from './cpu.js';

export interface BootSample {
  /** From before v86 is imported (ours: before the machine's worker is started) to the marker. */
  readonly ms: number;
  /** Processor time of the whole process in the same time, with its compiler threads. */
  readonly cpuMs: number;
}

/** Bound of a boot of v86 as published, in time of the host. */
const HOST_MS_MAX = 180_000;

/** v86 by its public options: its own clock, event loop, chance, disk buffers, compilation in the background. */
export async function bootOrdinary(config: MachineConfig): Promise<BootSample> {
  const options = {
    wasm_path: packagePath('node_modules', 'v86', 'build', 'v86.wasm'),
    memory_size: config.memoryMiB * 2 ** 20,
    bios: { buffer: ownBuffer(config.bios) },
    vga_bios: { buffer: ownBuffer(config.vgaBios) },
    bzimage: { buffer: ownBuffer(config.kernel) },
    ...(config.initrd && { initrd: { buffer: ownBuffer(config.initrd) } }),
    cmdline: config.cmdline,
    ...Object.fromEntries(
      config.disks.map(({ base }, disk) => [disk === 0 ? 'hda' : 'hdb', { buffer: ownBuffer(base) }]),
    ),
    // Exactly the devices of our machine.
    uart1: true,
    fastboot: true,
    acpi: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    net_device: { type: 'none' },
    log_level: 0,
    autostart: true,
  };
  const watch = startWatch();
  const { V86 } = (await import('v86')) as unknown as { V86: V86Constructor };
  const emulator = new V86(options);
  await new Promise<void>((resolve, reject) => {
    const bound = setTimeout(
      () => reject(new RigError(`the guest did not come to its shell within ${HOST_MS_MAX / 1000} s in ordinary v86`)),
      HOST_MS_MAX,
    );
    emulator.add_listener('emulator-loaded', () => {
      emulator.v86.cpu.io.register_write(MARKER_PORT_USER, {}, undefined, undefined, (kind) => {
        if (kind >>> 0 !== USER_MARKERS.agentReady) return;
        clearTimeout(bound);
        resolve();
      });
    });
  });
  return watch();
}

export async function bootDeterministic(config: MachineConfig): Promise<BootSample> {
  const startCpuMs = cpuMs();
  const ms = await bootOnce(createV86Engine(), config);
  return { ms, cpuMs: cpuMs() - startCpuMs };
}

function startWatch(): () => BootSample {
  const [startMs, startCpuMs] = [performance.now(), cpuMs()];
  return () => ({ ms: performance.now() - startMs, cpuMs: cpuMs() - startCpuMs });
}

/** A copy in a buffer of its size, as v86 requires: padded to whole words. Zero pages are not written. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array((bytes.length + 3) & ~3);
  const zeros = Buffer.alloc(CHUNK_BYTES);
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES);
    if (zeros.compare(chunk, 0, chunk.length, 0, chunk.length) !== 0) copy.set(chunk, at);
  }
  return copy.buffer;
}

const CHUNK_BYTES = 65536;
