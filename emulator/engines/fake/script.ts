// SPDX-License-Identifier: MIT
/** What a fake machine does: a list of events, some of which wait for input and then say what follows. */
import type { Gpa, Sector } from '../../machine/units.js';

export type FakeEvent =
  /** Prints on the console. */
  | { readonly do: 'console'; readonly text: string }
  /** Sends on the agent channel. */
  | { readonly do: 'agent'; readonly bytes: Uint8Array }
  /** Sends a marker, and holds there as long as the rig wants it to. */
  | { readonly do: 'marker'; readonly kind: number; readonly word0?: number; readonly word1?: number }
  /** Writes to a disk. */
  | { readonly do: 'write'; readonly disk: number; readonly sector: Sector; readonly bytes: Uint8Array }
  /** Writes to RAM. */
  | { readonly do: 'poke'; readonly gpa: Gpa; readonly bytes: Uint8Array }
  /** Computes for so many instructions. */
  | { readonly do: 'work'; readonly instructions: number }
  /** Idles; costs no instructions. */
  | { readonly do: 'sleep'; readonly ms: number }
  /** Waits until `byte` has come in on the agent channel (any one, unless told); what `then` answers is done next. */
  | { readonly do: 'receive'; readonly byte?: number; readonly then: (view: FakeView) => readonly FakeEvent[] }
  /** Goes on with what `then` answers, for what depends on the machine's present state. */
  | { readonly do: 'look'; readonly then: (view: FakeView) => readonly FakeEvent[] }
  | { readonly do: 'halt' }
  | { readonly do: 'reset' };

/** What an event may look at. */
export interface FakeView {
  /** All that came in on the agent channel since the last `receive`, with the awaited byte; empty in a `look`. */
  readonly received: Uint8Array;
  /** What the real-time clock shows. */
  readonly wallClockMs: number;
  readSectors(disk: number, start: Sector, count: number): Uint8Array;
  readMemory(at: Gpa, lengthBytes: number): Uint8Array;
}

/** When the last event is done, the machine idles for ever. */
export type FakeScript = readonly FakeEvent[];
