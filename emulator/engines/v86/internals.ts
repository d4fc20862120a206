// SPDX-License-Identifier: MIT
/**
 * The internals of v86 that the engine uses beyond its public interface. The published build (0.5.462) keeps these
 * names. If a later build renames them, `bindInternals` throws an error that names what is missing.
 */
import { RigError } from '../../machine/errors.js';
import type { V86DiskBuffer } from './disk-buffer.js';

export interface V86Uart {
  input: number[];
}

export interface V86ByteQueue {
  length: number;
  push(byte: number): void;
  shift(): number;
  clear(): void;
}

export interface V86Ps2 {
  kbd_buffer: V86ByteQueue;
  mouse_buffer: V86ByteQueue;
  next_byte_is_ready: boolean;
  next_byte_is_aux: boolean;
}

export interface V86Rtc {
  rtc_time: number;
  last_update: number;
  next_interrupt: number;
  next_interrupt_alarm: number;
  update_interrupt_time: number;
}

export interface V86Vga {
  readonly graphical_mode: boolean;
  /** Of the text, in characters. */
  readonly max_cols: number;
  readonly max_rows: number;
  /** Of text: for each place a character and its attribute. */
  readonly vga_memory: Uint8Array;
  /** The first place that is shown. */
  readonly start_address: number;
  /** The distance of two rows, in pairs of places. */
  readonly offset_register: number;
  /** Memory for pictures, in wasm memory. */
  svga_memory: Uint8Array;
}

export interface V86Io {
  register_read(port: number, device: object, read8?: () => number, read16?: () => number, read32?: () => number): void;
  register_write(
    port: number,
    device: object,
    write8?: (value: number) => void,
    write16?: (value: number) => void,
    write32?: (value: number) => void,
  ): void;
  port_read8(port: number): number;
  port_write8(port: number, value: number): void;
}

export interface V86Cpu {
  readonly io: V86Io;
  readonly devices: {
    readonly uart0: V86Uart;
    readonly uart1: V86Uart;
    readonly ps2: V86Ps2;
    readonly rtc: V86Rtc;
    readonly vga: V86Vga;
    readonly ide?: { readonly primary?: { readonly master: V86IdeInterface; readonly slave: V86IdeInterface } };
    /** Present when the machine has a share. */
    readonly virtio_9p?: { readonly virtio: { readonly queues: readonly V86VirtQueue[] } };
  };
  readonly wm: { readonly exports: Readonly<Record<string, unknown>>; readonly wasm_table: WebAssembly.Table };
  readonly wasm_memory: WebAssembly.Memory;
  readonly jit_imports: object;
  readonly mem8: Uint8Array;
  readonly memory_size: Uint32Array;
  readonly in_hlt: Uint8Array;
  readonly flags: Int32Array;
  readonly idtr_size: Int32Array;
  /** Views that `set_state` replaces by mistake; the engine puts them back. */
  last_result: unknown;
  fpu_status_word: unknown;
  mxcsr: unknown;
  main_loop(): number;
  read8(at: number): number;
  read16(at: number): number;
  read32s(at: number): number;
  jit_dirty_cache(start: number, end: number): void;
  /** 1 when all of these bytes of RAM are zero. */
  is_memory_zeroed(at: number, lengthBytes: number): number;
  codegen_finalize_finished(index: number, start: number, stateFlags: number): void;
  codegen_finalize: (index: number, start: number, stateFlags: number, pointer: number, length: number) => void;
  jit_clear_func: (index: number) => void;
  jit_clear_all_funcs: () => void;
  run_hardware_timers: (acpi: number, now: number) => number;
  reboot_internal: () => void;
  store_current_tsc: () => void;
  pack_memory: () => { packed_memory: Uint8Array; bitmap: { get_buffer(): ArrayBuffer } };
  unpack_memory: () => void;
}

export interface V86IdeInterface {
  /** `prdt_addr`: the address of the table of regions for DMA. */
  readonly channel: { readonly prdt_addr: number; dma_status: number };
  /** A disk's is the engine's own. */
  readonly buffer: Partial<V86DiskBuffer> | null;
  readonly in_progress_io_ids: Map<number, unknown>;
  /** Ends the present command with an error. */
  ata_abort_command(): void;
  ata_command(code: number): void;
  ata_read_sectors(code: number): void;
  /** Puts the answer to IDENTIFY into `data`. */
  create_identify_packet(): void;
  readonly data: Uint8Array;
  /** Completes a write by programmed I/O. */
  do_write(): void;
  do_ata_read_sectors_dma(): void;
  do_ata_write_sectors_dma(): void;
}

export interface V86VirtQueue {
  readonly virtio: { is_feature_negotiated(feature: number): boolean };
  readonly size: number;
  readonly enabled: boolean;
  readonly desc_addr: number;
  readonly avail_addr: number;
  readonly used_addr: number;
  /** The next request to read, modulo 2^16. */
  readonly avail_last_idx: number;
  count_requests(): number;
  has_request: () => boolean;
  pop_request: () => unknown;
  notify_me_after: (requests: number) => void;
  avail_get_entry(index: number): number;
  get_descriptor(table: number, index: number): V86Descriptor;
}

export interface V86Descriptor {
  readonly addr_low: number;
  readonly addr_high: number;
  readonly len: number;
  readonly flags: number;
  readonly next: number;
}

export interface V86Inner {
  readonly cpu: V86Cpu;
  next_tick: () => void;
  save_state(): ArrayBuffer;
  restore_state(state: ArrayBuffer): void;
}

export interface V86Emulator {
  readonly v86: V86Inner;
  readonly bus: { send(event: string, value?: unknown): void };
  add_listener(event: string, listener: (value: unknown) => void): void;
}

export type V86Constructor = new (options: object) => V86Emulator;

/** @throws RigError when this build of v86 does not have what the engine needs. */
export function bindInternals(emulator: V86Emulator): V86Cpu {
  const cpu = emulator.v86.cpu;
  const needed: readonly (keyof V86Cpu)[] = [
    'io',
    'devices',
    'wm',
    'wasm_memory',
    'jit_imports',
    'in_hlt',
    'flags',
    'idtr_size',
    'main_loop',
    'jit_dirty_cache',
    'is_memory_zeroed',
    'codegen_finalize',
    'codegen_finalize_finished',
    'jit_clear_func',
    'jit_clear_all_funcs',
    'run_hardware_timers',
    'reboot_internal',
    'store_current_tsc',
    'pack_memory',
    'unpack_memory',
  ];
  const missing = needed.filter((name) => cpu[name] === undefined);
  if (missing.length > 0) {
    throw new RigError(`this build of v86 lacks ${missing.join(', ')}`, {
      remedy: 'install the version that package.json names: npm ci',
    });
  }
  return cpu;
}
