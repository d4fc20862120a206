// SPDX-License-Identifier: MIT

/**
 * Processor time of this process so far, all its threads together, in ms. On a busy host it is more reliable than the
 * clock.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
