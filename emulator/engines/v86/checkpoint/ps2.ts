// SPDX-License-Identifier: MIT
/** The bytes that wait in the keyboard controller. v86's own saved state lacks them. */
import type { V86Cpu } from '../internals.js';

export interface Ps2State {
  readonly keyboard: readonly number[];
  readonly mouse: readonly number[];
  readonly ready: boolean;
  readonly aux: boolean;
}

/** v86 does not save the bytes that wait in the keyboard controller. A queue is read by emptying and refilling it. */
export function savePs2(cpu: V86Cpu): Ps2State {
  const { ps2 } = cpu.devices;
  const contents = (queue: typeof ps2.kbd_buffer): number[] => {
    const bytes: number[] = [];
    while (queue.length > 0) bytes.push(queue.shift());
    for (const byte of bytes) queue.push(byte);
    return bytes;
  };
  return {
    keyboard: contents(ps2.kbd_buffer),
    mouse: contents(ps2.mouse_buffer),
    ready: ps2.next_byte_is_ready,
    aux: ps2.next_byte_is_aux,
  };
}

export function loadPs2(cpu: V86Cpu, state: Ps2State): void {
  const { ps2 } = cpu.devices;
  for (const byte of state.keyboard) ps2.kbd_buffer.push(byte);
  for (const byte of state.mouse) ps2.mouse_buffer.push(byte);
  ps2.next_byte_is_ready = state.ready;
  ps2.next_byte_is_aux = state.aux;
}
