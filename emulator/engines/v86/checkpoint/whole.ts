// SPDX-License-Identifier: MIT
/** Converts a whole machine to the bytes of a checkpoint, and back. */
import { packDisks, unpackDisks, type PackedDisk } from '../../../disks/packed.js';
import { packPages, pagesIn, unpackPages } from '../../../disks/sparse.js';
import { concat } from '../../../machine/bytes.js';
import type { RestoreConfig } from '../../../machine/contract.js';
import { PAGE_BYTES } from '../../../machine/units.js';
import { otherConfig, packCheckpoint, unpackCheckpoint } from '../../checkpoint-format.js';
import type { Chance, ChanceState } from '../chance.js';
import type { Clock, ClockState } from '../clock.js';
import type { Delivery, DeliveryState } from '../delivery.js';
import type { Disk } from '../disk-buffer.js';
import type { V86Cpu, V86Emulator } from '../internals.js';
import type { Jit } from '../jit.js';
import type { MarkerPorts } from '../ports.js';
import type { SerialLines, SerialState } from '../serial.js';
import type { SavedShare, ShareServer } from '../share/server.js';
import { loadDevices, saveDevices } from './devices.js';
import { loadPs2, savePs2, type Ps2State } from './ps2.js';
import { rebaseRtc } from './rtc.js';
import { usedWhenFresh, wasmZeroTest } from './used-pages.js';

const WASM_PAGE = 65536;
const A20_PORT = 0x92;

/** The parts of a machine that a checkpoint contains. */
export interface Whole {
  readonly config: RestoreConfig;
  /** At power-on. */
  readonly wallClockMs: () => number;
  readonly emulator: V86Emulator;
  readonly cpu: V86Cpu;
  readonly disks: readonly Disk[];
  readonly share: ShareServer | undefined;
  readonly jit: Jit;
  readonly ports: MarkerPorts;
  readonly serial: SerialLines;
  readonly delivery: Delivery;
  readonly clock: Clock;
  readonly chance: Chance;
}

/** A restored machine that still needs its disks and its clock. */
export interface Restored {
  /**
   * Applies the machine's own writes to its disks, and sets its clock for this date at power-on (ms). To be called
   * once.
   */
  equip(late: { readonly wallClockMs: number }): void;
}

interface CheckpointHead {
  readonly memoryMiB: number;
  readonly wasmBytes: number;
  readonly stateBytes: number;
  readonly clock: ClockState;
  readonly chance: ChanceState;
  readonly markerWords: readonly number[];
  readonly serial: SerialState;
  readonly wallClockMs: number;
  readonly a20: number;
  readonly ps2: Ps2State;
  readonly disks: readonly PackedDisk[];
  /** Slots of the function table, each with the index of its code. */
  readonly code: readonly (readonly [slot: number, code: number])[];
  readonly codeBytes: readonly number[];
  /** The part of a delivery that the guest has not read. */
  readonly delivery?: DeliveryState;
  readonly hasShare?: true;
  /** Present when the guest has used the share. */
  readonly share?: SavedShare;
}

/**
 * The whole state: all of the emulator's wasm memory (RAM, registers, and also its JIT's tables and hotness
 * counters), the generated code in its function table, and the devices outside it. A restored machine continues exactly
 * as the uninterrupted one would.
 */
export function packWhole(whole: Whole): { readonly stateParts: readonly Uint8Array[]; pack(): Uint8Array } {
  const { config, cpu, disks, share, jit, ports, serial, delivery, clock, chance } = whole;
  const devices = new Uint8Array(saveDevices(whole));
  const files = share?.save();
  const slots = [...jit.live()].sort(([a], [b]) => a - b);
  const code = [...new Set(slots.map(([, live]) => live))];
  const undelivered = delivery.save();
  const saved = packDisks(disks.map((disk) => disk.save()));
  const { byteOffset: picturesAt, byteLength: picturesBytes } = cpu.devices.vga.svga_memory;
  const head: CheckpointHead = {
    memoryMiB: config.memoryMiB,
    wasmBytes: cpu.wasm_memory.buffer.byteLength,
    stateBytes: devices.length,
    clock: clock.save(),
    chance: chance.save(),
    markerWords: ports.save(),
    serial: serial.save(),
    wallClockMs: whole.wallClockMs(),
    a20: cpu.io.port_read8(A20_PORT),
    ps2: savePs2(cpu),
    disks: saved.heads,
    code: slots.map(([slot, live]) => [slot, code.indexOf(live)]),
    codeBytes: code.map(({ bytes }) => bytes.length),
    ...(undelivered && { delivery: undelivered }),
    ...(share && { hasShare: true as const }),
    ...(files && { share: files.share }),
  };
  const { code: _code, codeBytes: _codeBytes, wasmBytes: _wasmBytes, ...hashed } = head;
  return {
    stateParts: [
      devices,
      ...packPages(new Uint8Array(cpu.wasm_memory.buffer, picturesAt, picturesBytes)),
      new TextEncoder().encode(JSON.stringify(hashed)),
      ...(files?.contents ?? []),
    ],
    pack: () =>
      packCheckpoint(head, [
        ...pagesIn(new Uint8Array(cpu.wasm_memory.buffer), wasmZeroTest(cpu, config)),
        ...packPages(padToPage(devices)),
        concat(code.map(({ bytes }) => bytes)),
        saved.blocks(),
        concat(files?.contents ?? []),
      ]),
  };
}

/** Restores everything except what depends on the disks and the clock (see {@link Restored}). */
export function restoreCheckpoint(whole: Whole, bytes: Uint8Array): Restored {
  const { config, cpu, disks, share, jit, ports, serial, delivery, clock, chance } = whole;
  const { head: parsed, blobs } = unpackCheckpoint(bytes);
  const head = parsed as CheckpointHead;
  if (head.memoryMiB !== config.memoryMiB || head.disks.length !== disks.length)
    throw otherConfig(
      `with ${head.memoryMiB} MiB and ${head.disks.length} disks`,
      `the config says ${config.memoryMiB} MiB and ${disks.length}`,
    );
  if ((head.hasShare ?? false) !== (share !== undefined))
    throw otherConfig(`with${head.hasShare ? '' : 'out'} a share`, 'unlike the config');
  const [pageIndexes, pages, stateIndexes, statePages, code, blocks, files] = blobs as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];

  const devices = new Uint8Array(head.stateBytes);
  unpackPages(devices, stateIndexes, statePages, []);
  loadDevices(whole, devices.buffer);
  loadPs2(cpu, head.ps2);
  cpu.io.port_write8(A20_PORT, head.a20);

  // Last, because restoring the devices raises and lowers interrupt lines, which are state in wasm memory.
  const missing = head.wasmBytes - cpu.wasm_memory.buffer.byteLength;
  if (missing > 0) cpu.wasm_memory.grow(missing / WASM_PAGE);
  unpackPages(new Uint8Array(cpu.wasm_memory.buffer), pageIndexes, pages, usedWhenFresh(cpu, config));
  clock.attach(cpu.wasm_memory);
  clock.load(head.clock);
  chance.load(head.chance);
  ports.load(head.markerWords);
  serial.load(head.serial);
  delivery.load(head.delivery);

  const pieces = split(code, head.codeBytes);
  jit.restore(new Map(head.code.map(([slot, index]) => [slot, pieces[index] ?? new Uint8Array(0)])));
  if (head.share) share?.load(head.share, files);
  return {
    equip({ wallClockMs }) {
      // The machine's own writes are applied last: they are the newest.
      unpackDisks(head.disks, blocks).forEach((saved, number) => disks[number]?.load(saved));
      rebaseRtc(cpu, wallClockMs - head.wallClockMs);
    },
  };
}

function padToPage(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / PAGE_BYTES) * PAGE_BYTES);
  padded.set(bytes);
  return padded;
}

function split(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, (at += length)));
}
