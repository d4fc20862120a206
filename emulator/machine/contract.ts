// SPDX-License-Identifier: MIT
/**
 * The Machine contract: everything that the rig requires of an engine.
 *
 * A machine runs only inside `run`. Between two runs it stands still at a tick boundary, so that
 * everything the rig does to it (sending bytes, reading memory, checkpointing) happens at a defined
 * point of the instruction stream; this, together with virtual time and seeded chance, is what makes
 * a run a function of its inputs.
 *
 * Not every engine can promise all of this. Each declares its {@link EngineTraits}, and whoever depends on a promise asks
 * for it by name.
 */
import type { Gpa, Sector } from './units.js';

/** A disk: an immutable base and the writes applied to it. */
export interface DiskConfig {
  /** Bytes of the base image; shared between machines, never written. Length a multiple of 512. */
  readonly base: Uint8Array;
  /** Writes that are applied to the base at the start, oldest first (the log of an earlier machine). */
  readonly overlay?: readonly DiskWrite[];
}

/** `count` sectors from `first` on. */
export interface SectorRange {
  readonly first: Sector;
  readonly count: number;
}

/** Requests to a disk that fail with an I/O error. Nothing of a write that fails reaches the disk. */
export interface DiskFailure {
  /** `all` includes flushes: the disk is gone. */
  readonly requests: 'reads' | 'writes' | 'all';
  /** Only requests that touch these sectors, and flushes; default all. */
  readonly sectors?: SectorRange;
  /** So many requests fail, and the disk works again; default all from then on. */
  readonly times?: number;
}

/** One completed write of the guest. */
export interface DiskWrite {
  /** Instruction counter when the write completed (see {@link EngineTraits.countsInstructions}). */
  readonly instruction: number;
  readonly sector: Sector;
  /** Length a multiple of 512. */
  readonly bytes: Uint8Array;
}

/** A write to a disk, without its bytes. */
export interface WriteShown {
  /** Instruction counter of the machine. */
  readonly instruction: number;
  readonly sector: number;
  /** Sectors. */
  readonly count: number;
}

/** A part of what a run has done. */
export interface Written {
  readonly markers: readonly MarkerSeen[];
  /** Per disk, oldest first. */
  readonly writes: readonly (readonly WriteShown[])[];
  /** Counters since power-on, at its end. */
  readonly instructions: number;
  readonly virtualMs: number;
}

/** A file, folder or symbolic link of a share. */
export interface ShareEntry {
  /**
   * Path from the root of the share, names separated by `/`; the root itself is empty. Parents come before children.
   */
  readonly path: string;
  /** As in st_mode: its type and permission bits. */
  readonly mode: number;
  /** Contents of a file, or target of a link. Never written to. */
  readonly bytes?: Uint8Array;
  /** Default 0. */
  readonly uid?: number;
  /** Default 0. */
  readonly gid?: number;
  /** Time of its last change, in ms since 1970; default 0. */
  readonly modifiedMs?: number;
}

/** The mount tag of a share: `mount -t 9p -o trans=virtio host9p /mnt`. */
export const SHARE_TAG = 'host9p';

/** What the disks of a machine are connected to. */
export const DISK_BUSES = ['ide', 'ahci', 'virtio-blk', 'virtio-scsi', 'nvme'] as const;
export type DiskBus = (typeof DISK_BUSES)[number];

export interface MachineConfig {
  /** RAM in MiB, within the bounds of the engine's traits. */
  readonly memoryMiB: number;
  /** Of that, what lies at addresses from 4 GiB on; default 0. */
  readonly highMemoryMiB?: number;
  /** Number of processors; default 1. */
  readonly processors?: number;
  /** Number of NUMA nodes, which have equal parts of RAM and of the processors; default 1. */
  readonly nodes?: number;
  /** Firmware of the machine. An engine that brings its own does not use it. */
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  /** A bzImage, started directly. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly cmdline: string;
  /** At most two: sda and sdb in the guest. */
  readonly disks: readonly DiskConfig[];
  /** What the disks are connected to; default `ide`: both on the first channel. */
  readonly diskBus?: DiskBus;
  /**
   * The disks have a cache that a power cut loses: what a guest has not flushed is not on them. The guest sees that they
   * have one. Default: a write that has completed is on the disk.
   */
  readonly volatileCaches?: boolean;
  /** Seeds all chance in the machine. Unsigned 32 bit. */
  readonly seed: number;
  /** The time of the real-time clock at power-on, in ms since 1970. */
  readonly wallClockMs: number;
  /** Guest instructions per virtual ms; default 500,000. */
  readonly instructionsPerMs?: number;
  /** Whether the machine has a graphics adapter and a network card; default no. */
  readonly network?: boolean;
  /** Files on a 9p device of the guest. Without them there is no such device. Changes stay in the machine's memory. */
  readonly share?: readonly ShareEntry[];
}

/**
 * The config of a machine that is restored from a checkpoint. Kernel and initrd may be absent when the firmware had loaded them
 * by then, because they are in its memory.
 */
export type RestoreConfig = Omit<MachineConfig, 'kernel' | 'initrd'> &
  Partial<Pick<MachineConfig, 'kernel' | 'initrd'>>;

/** The two serial lines: console = COM1, agent = COM2. */
export type Channel = 'console' | 'agent';

/** The point at which a machine executes an {@link Action}. All conditions are exact. */
export type Trigger =
  /** The `nth` (default 1) marker of this kind from now on. */
  | { readonly on: 'marker'; readonly kind: number; readonly nth?: number }
  /** The first tick boundary at or after this instruction count. Writes after the exact count do not reach the disk. */
  | { readonly on: 'instruction'; readonly count: number }
  /** Write number `index` on a disk, counting from the machine's power-on, 0-based. Writes that fail count, too. */
  | { readonly on: 'write'; readonly disk: number; readonly index: number }
  /** The `nth` (default 1) write from now on that reaches one of these sectors. No disk can be made to fail there. */
  | { readonly on: 'writeTo'; readonly disk: number; readonly sectors: SectorRange; readonly nth?: number };

export type Action =
  /** Copy all RAM at that instruction and continue. The copy is returned in `RunReport.captures`. */
  | { readonly do: 'capture'; readonly label: string }
  /** Stop at the next tick boundary. At a marker that holds, the guest has not passed it. */
  | { readonly do: 'stop' }
  /**
   * Power off at that point: no later write reaches a disk. For a write trigger, `sectorsWritten` is the number of its
   * sectors that reach the disk: 0 = power fails before the write, all (undefined) = after it, else it is torn.
   */
  | { readonly do: 'cutPower'; readonly sectorsWritten?: number }
  /**
   * Change RAM at that instruction (fault injection). `xor` is applied from `gpa` on. Code that is changed has its new effect
   * when it is executed next.
   */
  | { readonly do: 'flip'; readonly gpa: Gpa; readonly xor: Uint8Array }
  /** Requests to a disk fail from that point on. For a write trigger, that write is the first one that can. */
  | { readonly do: 'failDisk'; readonly disk: number; readonly failure: DiskFailure };

export interface RunRequest {
  readonly triggers?: readonly { readonly when: Trigger; readonly then: Action }[];
  /** Stop at the tick boundary after this byte has come out of this channel. */
  readonly untilByte?: { readonly channel: Channel; readonly byte: number };
  /** Bytes to send to the guest before it runs. */
  readonly send?: readonly { readonly channel: Channel; readonly bytes: Uint8Array }[];
  /**
   * Bytes that a guest program can fetch (see delivery.ts), in this run and later ones; at most `DELIVERY_BYTES_MAX`. They
   * replace the rest of an earlier delivery. A guest that does not fetch them is not affected.
   */
  readonly deliver?: Uint8Array;
  /** Stop after this virtual time (ms). A run always has a bound. */
  readonly virtualMsMax: number;
  /** Stop when the host asks (Ctrl-C, interactive shell); the only source of nondeterminism, at tick boundaries. */
  readonly signal?: AbortSignal;
  /** Called with console output as it arrives, for people. It has no influence on the run. */
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** Called now and then with where the machine is, for progress bars. */
  readonly onProgress?: (instructions: number, virtualMs: number) => void;
  /**
   * Called now and then with what the run has done since the last call, for pictures. Each write and each marker is told once, before the
   * report. A write in a volatile cache may be lost later. It has no influence on the run. An engine without
   * {@link EngineTraits.ownTime} need not call it.
   */
  readonly onWritten?: (written: Written) => void;
}

/** What a run asks of a machine, without what is for its caller alone and cannot be told to a worker or kept. */
export type Asked = Omit<RunRequest, 'signal' | 'onConsole' | 'onProgress' | 'onWritten'>;

export type StopReason =
  | { readonly why: 'trigger'; readonly index: number }
  | { readonly why: 'byte' }
  | { readonly why: 'powerCut' }
  /** hlt with interrupts off: the guest powered off or is dead. */
  | { readonly why: 'halted' }
  /** The guest asked for a reset or triple-faulted. */
  | { readonly why: 'reset' }
  /** The guest used a device as no driver may. The state after that is undefined, so the machine ends. */
  | { readonly why: 'misuse'; readonly what: string }
  | { readonly why: 'timeout' }
  | { readonly why: 'aborted' };

export interface MarkerSeen {
  readonly kind: number;
  readonly word0: number;
  readonly word1: number;
  /** Instruction counter when it was sent (see {@link EngineTraits.countsInstructions}). */
  readonly instruction: number;
  readonly virtualMs: number;
}

/** All guest RAM at an instruction. */
export interface RamCopy {
  /** Index = gpa. It is large, and may be fetched when it is read: only who needs it reads it. */
  readonly memory: Uint8Array;
}

export interface Capture extends RamCopy {
  readonly label: string;
  readonly marker: MarkerSeen | undefined;
  /**
   * The ranges (from, to, ascending) outside of which it is zero, for whoever would have to look through all of it. Absent where the
   * engine does not know.
   */
  readonly used?: readonly (readonly [from: number, to: number])[];
}

export interface RunReport {
  readonly reason: StopReason;
  /** Output of this run. */
  readonly console: Uint8Array;
  readonly agent: Uint8Array;
  readonly markers: readonly MarkerSeen[];
  readonly captures: readonly Capture[];
  /** Writes of this run, per disk. */
  readonly writes: readonly (readonly DiskWrite[])[];
  /** Per disk: the counter at each flush of this run that has completed. Absent without {@link EngineTraits.volatileCaches}. */
  readonly flushes?: readonly (readonly number[])[];
  /**
   * Per disk: how many of its last writes, of all runs, are in a volatile cache only. A power cut loses them; in that of
   * this run they are lost. Absent when no disk has such a cache.
   */
  readonly unflushed?: readonly number[];
  /** Requests to disks that have failed in this run because of `failDisk`. Absent when there were none. */
  readonly failedRequests?: number;
  /** Counters since power-on. */
  readonly instructions: number;
  readonly virtualMs: number;
  /** Likewise, the virtual time at the beginning of this run. */
  readonly beginMs: number;
}

/**
 * An opaque, serialisable machine state: memory, devices, time, chance, generated code, and the content of the
 * blocks that this machine has written since power-on (a config's overlay is again only what was on the disks before
 * power-on). It can be restored only into a fresh instance, which then continues bit by bit as the original machine.
 * Making a checkpoint changes nothing. It contains neither the bases of the disks nor the log of the writes.
 */
export interface Checkpoint {
  /** Engine that made it. */
  readonly engine: string;
  readonly bytes: Uint8Array;
}

export interface Machine {
  readonly engine: string;
  /** See {@link EngineTraits.patience}; default 1. */
  readonly patience?: number;
  run(request: RunRequest): Promise<RunReport>;
  readMemory(at: Gpa, lengthBytes: number): Promise<Uint8Array>;
  /** All RAM, copied. */
  captureMemory(): Promise<Uint8Array>;
  /**
   * The rows of text on the machine's VGA screen, from top to bottom, without blanks at their ends; undefined while it shows
   * graphics. Reading changes nothing. Absent where the engine has no screen to read.
   */
  readonly readScreen?: () => Promise<readonly string[] | undefined>;
  /** The present files of the share, in an order that does not depend on its history; undefined without a share. */
  readShare(): Promise<readonly ShareEntry[] | undefined>;
  /**
   * SHA-256 (hex) over the non-zero pages of RAM, the registers and the counters. Two machines in the same state have
   * the same hash.
   */
  stateHash(): Promise<string>;
  /** The machine must stand at a tick boundary, as it always does between runs. */
  checkpoint(): Promise<Checkpoint>;
  /** Ends the machine and its worker. Safe to call twice, and during a run (which then rejects). */
  close(): Promise<void>;
}

/** What an engine promises of its machines, beyond what every engine does. */
export interface EngineTraits {
  /** Machines with equal configs and equal requests go through the same states, bit for bit. */
  readonly deterministic: boolean;
  /**
   * The instruction counter counts guest instructions since power-on, and triggers on an instruction count are
   * possible. Otherwise the counter increases by one with each marker, write and flush, so that it only tells their order.
   */
  readonly countsInstructions: boolean;
  /**
   * Virtual time does not depend on the host. Otherwise it is the host's time while the machine runs, so that a slow host
   * makes a slow guest.
   */
  readonly ownTime: boolean;
  /**
   * Whoever waits for a guest gives up after so many times the virtual time that a guest needs at most. It is 1 when time is
   * the machine's own. Otherwise the host may have other work, which must not decide about a result.
   */
  readonly patience: number;
  /**
   * What the disks of a machine can be connected to so that `checkpoint` and `restore` work; none: they reject. Without
   * {@link EngineTraits.ownTime}, a checkpoint does not contain what has been sent to the guest and not been read by it, and
   * it is restored with an equal `wallClockMs` only.
   */
  readonly checkpoints: readonly DiskBus[];
  /** The machine has a place for deliveries (see delivery.ts). Otherwise `deliver` has no effect. */
  readonly delivery: boolean;
  /** `failDisk` is possible. Otherwise requests with it are refused. */
  readonly diskFaults: boolean;
  /** Disks can have volatile caches, and flushes are reported. Otherwise such a machine is refused. */
  readonly volatileCaches: boolean;
  /** The machine can have a share. */
  readonly share: boolean;
  readonly processorsMax: number;
  /** What disks can be connected to. */
  readonly diskBuses: readonly DiskBus[];
  /** How many NUMA nodes the machine can have. */
  readonly nodesMax: number;
  /** RAM can lie at addresses from 4 GiB on. */
  readonly highMemory: boolean;
  /** Bounds of the RAM, both inclusive. */
  readonly memoryMiB: { readonly min: number; readonly max: number };
}

/**
 * An engine makes machines: at power-on, or from a checkpoint with the config of the machine that it was made from, for which
 * kernel and initrd may be absent once the firmware has loaded them. That config may differ in three points. Disks may have
 * other bases and overlays when the guest has not read them yet; the checkpoint's own writes are applied to them. A share may
 * have other files when the guest has not used it yet. `wallClockMs` may differ (but see {@link EngineTraits.checkpoints}): the
 * real-time clock then shows the new time, but a guest that has read it before continues with its own time.
 */
export interface Engine {
  readonly name: string;
  readonly traits: EngineTraits;
  powerOn(config: MachineConfig): Promise<Machine>;
  /** When the promise has been settled, the bytes of the checkpoint may be overwritten, unless it was expected. */
  restore(config: RestoreConfig, checkpoint: Checkpoint): Promise<Machine>;
  /**
   * Announces that a machine will soon be restored from `checkpoint`. The overlays of its disks and its wall clock are
   * not known yet; the engine prepares what does not depend on them. This does not influence any machine, and the
   * machine need not be restored. Resolves when the preparation is complete. The function is absent in an engine that
   * has nothing to prepare.
   */
  expect?(config: RestoreConfig, checkpoint: Checkpoint): Promise<void>;
}
