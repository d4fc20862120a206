// SPDX-License-Identifier: MIT
/**
 * The Machine contract: all that the rig asks of an engine.
 *
 * A machine only moves inside `run`. Between two runs it stands still at a tick boundary, so that
 * everything the rig does to it (sending bytes, reading memory, checkpointing) happens at a defined
 * point of the instruction stream; this, together with virtual time and seeded chance, is what makes
 * a run a function of its inputs.
 */
import type { Gpa, Sector } from './units.js';

/** A disk: an immutable base and the writes laid over it. */
export interface DiskConfig {
  /** Bytes of the base image; shared between machines, never written. Length a multiple of 512. */
  readonly base: Uint8Array;
  /** Writes that lie over the base from the start, oldest first (the log of an earlier machine). */
  readonly overlay?: readonly DiskWrite[];
}

/** One completed write of the guest. */
export interface DiskWrite {
  /** Instruction counter when the write completed, as a count since power-on. */
  readonly instruction: number;
  readonly sector: Sector;
  /** Length a multiple of 512. */
  readonly bytes: Uint8Array;
}

/** A file, folder or symbolic link of a share. */
export interface ShareEntry {
  /** From the root of the share, names divided by `/`; the root itself is empty. Whatever it lies in comes before it. */
  readonly path: string;
  /** As in st_mode: its type and permission bits. */
  readonly mode: number;
  /** Contents of a file, or where a link leads. Never written to. */
  readonly bytes?: Uint8Array;
  /** 0 unless told. */
  readonly uid?: number;
  /** 0 unless told. */
  readonly gid?: number;
  /** Time of its last change, in ms since 1970; 0 unless told. */
  readonly modifiedMs?: number;
}

/** The mount tag of a share: `mount -t 9p -o trans=virtio host9p /mnt`. */
export const SHARE_TAG = 'host9p';

export interface MachineConfig {
  /** RAM in MiB, 128 to 768. */
  readonly memoryMiB: number;
  readonly bios: Uint8Array;
  readonly vgaBios: Uint8Array;
  /** A bzImage, started directly. */
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly cmdline: string;
  /** At most two: first and second disk of the first IDE channel (sda, sdb in the guest). */
  readonly disks: readonly DiskConfig[];
  /** Seeds all chance in the machine. Unsigned 32 bit. */
  readonly seed: number;
  /** What the real-time clock shows at power-on, in ms since 1970. */
  readonly wallClockMs: number;
  /** Guest instructions per virtual ms; 500,000 unless told. */
  readonly instructionsPerMs?: number;
  /** Give the machine a graphics adapter and network card? Off unless told. */
  readonly network?: boolean;
  /** Files that the guest finds on a 9p device, if it is to have one. What it does to them stays in the machine's memory. */
  readonly share?: readonly ShareEntry[];
}

/** The two serial lines: console = COM1, agent = COM2. */
export type Channel = 'console' | 'agent';

/** Where a machine can be told to do something. All conditions are exact and deterministic. */
export type Trigger =
  /** The `nth` (1 unless told) marker of this kind from now on. */
  | { readonly on: 'marker'; readonly kind: number; readonly nth?: number }
  /** The first tick boundary at or after this instruction count. Writes after the exact count are not let through. */
  | { readonly on: 'instruction'; readonly count: number }
  /** Write number `index` on a disk, counting from the machine's power-on, 0-based. */
  | { readonly on: 'write'; readonly disk: number; readonly index: number };

export type Action =
  /** Copy all RAM at that very instruction and go on; the copy comes back in `RunReport.captures`. */
  | { readonly do: 'capture'; readonly label: string }
  /** Stop at the next tick boundary. At a marker that holds, the guest has not passed it. */
  | { readonly do: 'stop' }
  /**
   * Power off at that very point: no later write reaches a disk. For a write trigger `sectorsWritten`
   * says how much of that write lands: 0 = before, all (undefined) = after, else torn.
   */
  | { readonly do: 'cutPower'; readonly sectorsWritten?: number }
  /** Change RAM at that very instruction (fault injection). `xor` is applied from `gpa` on. */
  | { readonly do: 'flip'; readonly gpa: Gpa; readonly xor: Uint8Array };

export interface RunRequest {
  readonly triggers?: readonly { readonly when: Trigger; readonly then: Action }[];
  /** Stop at the tick boundary after this byte has come out of this channel. */
  readonly untilByte?: { readonly channel: Channel; readonly byte: number };
  /** Bytes to hand to the guest before it moves. */
  readonly send?: readonly { readonly channel: Channel; readonly bytes: Uint8Array }[];
  /**
   * Bytes that a guest program can read from the delivery port (see delivery.ts), in this run and later ones. They replace what is
   * left of an earlier delivery. A guest that does not read the port is not affected.
   */
  readonly deliver?: Uint8Array;
  /** Give up after so much virtual time. A run always has a bound. */
  readonly virtualMsMax: number;
  /** Stop when the host asks (Ctrl-C, interactive shell); the only source of nondeterminism, at tick boundaries. */
  readonly signal?: AbortSignal;
  /** Called with console output as it comes, for people; has no influence on the run. */
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** Called now and then with where the machine is, for progress bars. */
  readonly onProgress?: (instructions: number, virtualMs: number) => void;
}

export type StopReason =
  | { readonly why: 'trigger'; readonly index: number }
  | { readonly why: 'byte' }
  | { readonly why: 'powerCut' }
  /** hlt with interrupts off: the guest powered off or is dead. */
  | { readonly why: 'halted' }
  /** The guest asked for a reset or triple-faulted. */
  | { readonly why: 'reset' }
  /** The guest used a device as no driver may; nothing that follows would mean anything. */
  | { readonly why: 'misuse'; readonly what: string }
  | { readonly why: 'timeout' }
  | { readonly why: 'aborted' };

export interface MarkerSeen {
  readonly kind: number;
  readonly word0: number;
  readonly word1: number;
  /** Instructions since power-on. */
  readonly instruction: number;
  readonly virtualMs: number;
}

export interface Capture {
  readonly label: string;
  readonly marker: MarkerSeen | undefined;
  /** All guest RAM, index = gpa. */
  readonly memory: Uint8Array;
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
  /** Counters since power-on. */
  readonly instructions: number;
  readonly virtualMs: number;
}

/**
 * An opaque, serialisable machine state: memory, devices, time, chance, generated code, and the content of the
 * blocks that this machine has written since power-on (so a config's overlay is again only what lay on
 * the disks before). Restores only into a fresh instance, which then goes on bit by bit as the machine would have
 * that it was made of; making it alters nothing. It does not hold the disks' bases, nor the log of the writes.
 */
export interface Checkpoint {
  /** Engine that made it. */
  readonly engine: string;
  readonly bytes: Uint8Array;
}

export interface Machine {
  readonly engine: string;
  run(request: RunRequest): Promise<RunReport>;
  readMemory(at: Gpa, lengthBytes: number): Promise<Uint8Array>;
  /** All RAM, copied. */
  captureMemory(): Promise<Uint8Array>;
  /** What the share holds now, in an order that does not depend on how it came about; undefined without one. */
  readShare(): Promise<readonly ShareEntry[] | undefined>;
  /** SHA-256 (hex) over RAM as its non-empty pages, registers and counters: equal for two machines that are in the same state. */
  stateHash(): Promise<string>;
  /** The machine must stand at a tick boundary, as it always does between runs. */
  checkpoint(): Promise<Checkpoint>;
  /** Ends the machine and its worker. Safe to call twice, and during a run (which then rejects). */
  close(): Promise<void>;
}

/**
 * An engine makes machines: from power-on, or from a checkpoint together with the config it was made
 * under, except that disks may carry other bases and overlays when the checkpoint has not read them yet
 * (what the checkpoint itself has written lies over them), that a share may hold other files when the guest has not used
 * it yet, and that `wallClockMs` may differ: the real-time clock
 * then shows the new time, though a guest that has read it goes on with what it read.
 */
export interface Engine {
  readonly name: string;
  powerOn(config: MachineConfig): Promise<Machine>;
  restore(config: MachineConfig, checkpoint: Checkpoint): Promise<Machine>;
  /**
   * Says that a machine will soon be restored from `checkpoint`, its disks' overlays and wall clock not being known yet: what does
   * not depend on them is done meanwhile. No influence on what any machine does, nor need one ever be restored. Resolves
   * when all has been done. An engine that has nothing to do beforehand has no such function.
   */
  expect?(config: MachineConfig, checkpoint: Checkpoint): Promise<void>;
}
