// SPDX-License-Identifier: MIT
/** v86's devices as v86 itself saves and restores them, without the memory in wasm memory, which a checkpoint saves separately. */
import type { V86Cpu, V86Emulator } from '../internals.js';

interface Devices {
  readonly emulator: V86Emulator;
  readonly cpu: V86Cpu;
}

/** The devices of v86 outside its wasm memory. Does not change the machine. */
export function saveDevices({ emulator, cpu }: Devices): ArrayBuffer {
  const { store_current_tsc: storeTsc, pack_memory: pack } = cpu;
  const { vga } = cpu.devices;
  const { svga_memory: pictures } = vga;
  // Reading the time-stamp counter would change the emulator's interpolation state.
  cpu.store_current_tsc = () => undefined;
  // Nothing is restored from this either.
  vga.svga_memory = new Uint8Array(0);
  cpu.pack_memory = () => ({ packed_memory: new Uint8Array(0), bitmap: { get_buffer: () => new ArrayBuffer(0) } });
  try {
    return emulator.v86.save_state();
  } finally {
    cpu.store_current_tsc = storeTsc;
    cpu.pack_memory = pack;
    vga.svga_memory = pictures;
  }
}

export function loadDevices({ emulator, cpu }: Devices, state: ArrayBuffer): void {
  const { last_result, fpu_status_word, mxcsr, unpack_memory } = cpu;
  cpu.unpack_memory = () => undefined;
  emulator.v86.restore_state(state);
  Object.assign(cpu, { last_result, fpu_status_word, mxcsr, unpack_memory });
}
