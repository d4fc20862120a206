// SPDX-License-Identifier: MIT
/** Makes v86's emulator with the machine's time, chance and disks. */
import type { RestoreConfig } from '../../machine/contract.js';
import type { Chance } from './chance.js';
import type { Clock } from './clock.js';
import type { Disk } from './disk-buffer.js';
import type { V86Constructor, V86Emulator } from './internals.js';
import type { ShareServer } from './share/server.js';

export interface EmulatorParts {
  readonly V86: V86Constructor;
  readonly v86Module: WebAssembly.Module;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** Makes it at power-on. `onPanic` gets the line that v86's own code prints before it fails. */
export async function createEmulator(
  config: RestoreConfig,
  disks: readonly Disk[],
  share: ShareServer | undefined,
  parts: EmulatorParts,
  onPanic: (line: string) => void,
): Promise<V86Emulator> {
  const { V86, v86Module, clock, chance } = parts;
  const instantiate = async (imports: { env: Record<string, unknown> }): Promise<unknown> => {
    let wasm: WebAssembly.Memory | undefined;
    const say = (pointer: number, length: number): void => {
      if (wasm) onPanic(new TextDecoder().decode(new Uint8Array(wasm.buffer, pointer >>> 0, length >>> 0).slice()));
    };
    const env = { ...imports.env, microtick: clock.emulatorMs, get_rand_int: chance.int32, console_log_from_wasm: say };
    const { exports } = await WebAssembly.instantiate(v86Module, { env });
    wasm = exports['memory'] as WebAssembly.Memory;
    clock.attach(wasm);
    return exports;
  };
  const file = (bytes: Uint8Array): { buffer: ArrayBuffer } => ({ buffer: ownWords(bytes) });
  const emulator = new V86({
    wasm_fn: instantiate,
    memory_size: config.memoryMiB * 2 ** 20,
    bios: file(config.bios),
    vga_bios: file(config.vgaBios),
    bzimage: config.kernel && file(config.kernel),
    initrd: config.initrd && file(config.initrd),
    cmdline: config.cmdline,
    hda: disks[0]?.buffer,
    hdb: disks[1]?.buffer,
    filesystem: share?.filesystem,
    uart1: true,
    fastboot: true,
    autostart: false,
    acpi: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    net_device: { type: config.network === true ? 'ne2k' : 'none' },
    log_level: 0,
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', () => resolve()));
  return emulator;
}

/** A copy in a separate buffer, padded to whole words: v86 reads kernels as words, and patches their header. */
function ownWords(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array((bytes.length + 3) & ~3);
  copy.set(bytes);
  return copy.buffer;
}
