// SPDX-License-Identifier: MIT
/** The real-time clock of a restored machine. */
import type { V86Cpu } from '../internals.js';

/** Moves all dates in the real-time clock, for a machine that has a different date at power-on. */
export function rebaseRtc(cpu: V86Cpu, shiftMs: number): void {
  if (shiftMs === 0) return;
  const { rtc } = cpu.devices;
  rtc.rtc_time += shiftMs;
  rtc.last_update += shiftMs;
  // 0 means that nothing is due.
  if (rtc.next_interrupt !== 0) rtc.next_interrupt += shiftMs;
  if (rtc.next_interrupt_alarm !== 0) rtc.next_interrupt_alarm += shiftMs;
  if (rtc.update_interrupt_time !== 0) rtc.update_interrupt_time += shiftMs;
}
