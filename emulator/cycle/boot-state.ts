// SPDX-License-Identifier: MIT
/**
 * Encodes the state of a machine at a defined point after power-on: its checkpoint, and the evidence up to that point.
 */
import type { Checkpoint, DiskWrite, MarkerSeen } from '../machine/contract.js';
import { sector } from '../machine/units.js';
import { concat } from '../machine/bytes.js';
import type { Seen } from './recorder.js';

export interface BootState {
  readonly checkpoint: Checkpoint;
  readonly seen: Seen;
  /** Data of the caller, stored as JSON and returned unchanged. */
  readonly notes?: unknown;
}

interface Header {
  readonly format: 1;
  readonly engine: string;
  readonly checkpointBytes: number;
  readonly consoleBytes: number;
  readonly markers: readonly MarkerSeen[];
  /** Per disk: instruction, sector, length in bytes. */
  readonly writes: readonly (readonly (readonly [number, number, number])[])[];
  readonly instructions: number;
  readonly virtualMs: number;
  readonly notes?: unknown;
}

/** Length of the header (u32, little-endian), the header as JSON, then checkpoint, console and the writes' bytes. */
export function encodeBootState({ checkpoint, seen, notes }: BootState): Uint8Array {
  const header: Header = {
    format: 1,
    engine: checkpoint.engine,
    checkpointBytes: checkpoint.bytes.length,
    consoleBytes: seen.console.length,
    markers: seen.markers,
    writes: seen.writes.map((of) =>
      of.map(({ instruction, sector: at, bytes }) => [instruction, at, bytes.length] as const),
    ),
    instructions: seen.instructions,
    virtualMs: seen.virtualMs,
    ...(notes !== undefined && { notes }),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return concat([length, text, checkpoint.bytes, seen.console, ...seen.writes.flat().map(({ bytes }) => bytes)]);
}

/** The inverse of {@link encodeBootState}; undefined when the bytes are not such a state. */
export function decodeBootState(bytes: Uint8Array): BootState | undefined {
  if (bytes.length < 4) return undefined;
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  let at = 4 + headerBytes;
  if (at > bytes.length) return undefined;
  const header = parse(bytes.subarray(4, at));
  if (header?.format !== 1) return undefined;
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  const checkpoint = { engine: header.engine, bytes: take(header.checkpointBytes) };
  const console = take(header.consoleBytes);
  const writes = header.writes.map((of) =>
    of.map(([instruction, start, length]): DiskWrite => ({ instruction, sector: sector(start), bytes: take(length) })),
  );
  if (at !== bytes.length) return undefined;
  const { markers, instructions, virtualMs, notes } = header;
  return {
    checkpoint,
    seen: { console, markers, writes, instructions, virtualMs },
    ...(notes !== undefined && { notes }),
  };
}

function parse(bytes: Uint8Array): Header | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Header;
  } catch {
    return undefined;
  }
}
