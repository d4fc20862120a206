// SPDX-License-Identifier: MIT
/** Whether the guest's shell waits for input, by what the guest's /proc says. */

/** tty_nr of ttyS0: major 4, minor 64. */
const CONSOLE_TTY = 4 * 256 + 64;

/**
 * True when the shell on the guest's console sleeps and nothing runs in its foreground. `stats` holds lines of
 * /proc/PID/stat, of all processes.
 */
export function shellWaits(stats: string): boolean {
  for (const line of stats.split('\n')) {
    // The name stands in parentheses and may hold anything.
    const [state, , group, session, tty, foreground] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const pid = line.slice(0, line.indexOf(' '));
    if (pid !== '' && session === pid && Number(tty) === CONSOLE_TTY) return state === 'S' && group === foreground;
  }
  return false;
}
