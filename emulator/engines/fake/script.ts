// SPDX-License-Identifier: MIT
/** The script of a fake machine: a list of events. Some wait for input and then supply the events that follow. */
import type { Gpa, Sector } from '../../machine/units.js';

export type FakeEvent =
  /** Prints on the console. */
  | { readonly do: 'console'; readonly text: string }
  /** Sends on the agent channel. */
  | { readonly do: 'agent'; readonly bytes: Uint8Array }
  /** Sends a marker, and holds there until the rig releases it. */
  | { readonly do: 'marker'; readonly kind: number; readonly word0?: number; readonly word1?: number }
  /** Writes to a disk. */
  | { readonly do: 'write'; readonly disk: number; readonly sector: Sector; readonly bytes: Uint8Array }
  /** Writes to RAM. */
  | { readonly do: 'poke'; readonly gpa: Gpa; readonly bytes: Uint8Array }
  /** Computes for this number of instructions. */
  | { readonly do: 'work'; readonly instructions: number }
  /** Idles; costs no instructions. */
  | { readonly do: 'sleep'; readonly ms: number }
  /**
   * Waits until `byte` (default: any byte) has arrived on the agent channel, then executes the events that `then`
   * returns.
   */
  | { readonly do: 'receive'; readonly byte?: number; readonly then: (view: FakeView) => readonly FakeEvent[] }
  /** Executes the events that `then` returns, which may depend on the machine's present state. */
  | { readonly do: 'look'; readonly then: (view: FakeView) => readonly FakeEvent[] }
  | { readonly do: 'halt' }
  | { readonly do: 'reset' };

/** The state that an event may read. */
export interface FakeView {
  /** All bytes received on the agent channel since the last `receive`, with the awaited byte; empty in a `look`. */
  readonly received: Uint8Array;
  /** The time of the real-time clock. */
  readonly wallClockMs: number;
  readSectors(disk: number, start: Sector, count: number): Uint8Array;
  readMemory(at: Gpa, lengthBytes: number): Uint8Array;
}

/** After the last event the machine idles for ever. */
export type FakeScript = readonly FakeEvent[];
