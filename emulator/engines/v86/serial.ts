// SPDX-License-Identifier: MIT
/** The two serial lines: COM1 is the console, COM2 the agent channel. */
import type { Channel } from '../../machine/contract.js';
import type { V86Cpu, V86Emulator } from './internals.js';

/**
 * Number of bytes that a UART holds for the guest to read. With more, v86's arrays become slow to shift. With fewer,
 * the guest could read all of them within a tick.
 */
const AHEAD_BYTES = 1024;

const LINES: readonly { readonly channel: Channel; readonly number: 0 | 1 }[] = [
  { channel: 'console', number: 0 },
  { channel: 'agent', number: 1 },
];

export interface SerialState {
  /** Bytes within each UART, then bytes waiting for each: four lists. */
  readonly lists: readonly (readonly number[])[];
}

export interface SerialLines {
  send(channel: Channel, bytes: Uint8Array): void;
  /** Fills up the UARTs. To be called at the start of each tick. */
  feed(): void;
  save(): SerialState;
  load(state: SerialState): void;
}

export function installSerial(
  emulator: V86Emulator,
  cpu: V86Cpu,
  onByte: (channel: Channel, byte: number) => void,
): SerialLines {
  const waiting: Uint8Array[] = [new Uint8Array(0), new Uint8Array(0)];
  const uarts = [cpu.devices.uart0, cpu.devices.uart1] as const;
  for (const { channel, number } of LINES) {
    emulator.add_listener(`serial${number}-output-byte`, (byte) => onByte(channel, byte as number));
  }
  return {
    send(channel, bytes) {
      const line = channel === 'console' ? 0 : 1;
      const before = waiting[line] ?? new Uint8Array(0);
      const joined = new Uint8Array(before.length + bytes.length);
      joined.set(before);
      joined.set(bytes, before.length);
      waiting[line] = joined;
    },
    feed() {
      for (const { number } of LINES) {
        const bytes = waiting[number];
        if (!bytes || bytes.length === 0) continue;
        const room = AHEAD_BYTES - uarts[number].input.length;
        if (room <= 0) continue;
        for (const byte of bytes.subarray(0, room)) emulator.bus.send(`serial${number}-input`, byte);
        waiting[number] = bytes.subarray(room);
      }
    },
    save: () => ({ lists: [...uarts.map((uart) => [...uart.input]), ...waiting.map((bytes) => [...bytes])] }),
    load(state) {
      uarts.forEach((uart, line) => (uart.input = [...(state.lists[line] ?? [])]));
      waiting.forEach((_, line) => (waiting[line] = Uint8Array.from(state.lists[line + 2] ?? [])));
    },
  };
}
