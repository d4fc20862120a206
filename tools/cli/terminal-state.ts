// SPDX-License-Identifier: MIT
/** Finds out from the guest's /proc whether its shell waits for input. */

/** tty_nr of ttyS0: major 4, minor 64. */
const CONSOLE_TTY = 4 * 256 + 64;

interface Process {
  readonly pid: string;
  readonly name: string;
  readonly state: string | undefined;
  readonly group: string | undefined;
  readonly session: string | undefined;
  readonly tty: number;
  /** The foreground process group of its terminal. */
  readonly foreground: string | undefined;
}

/** `stats` holds lines of /proc/PID/stat. */
function processesIn(stats: string): readonly Process[] {
  return stats.split('\n').flatMap((line) => {
    // The name is in parentheses and can contain any character.
    const [open, close] = [line.indexOf('('), line.lastIndexOf(')')];
    if (open < 0 || close < open) return [];
    const [state, , group, session, tty, foreground] = line.slice(close + 2).split(' ');
    const pid = line.slice(0, open).trim();
    return [{ pid, name: line.slice(open + 1, close), state, group, session, tty: Number(tty), foreground }];
  });
}

const shellIn = (processes: readonly Process[]): Process | undefined =>
  processes.find(({ pid, session, tty }) => session === pid && tty === CONSOLE_TTY);

/**
 * True when the shell on the guest's console sleeps and nothing runs in its foreground. `stats` holds lines of
 * /proc/PID/stat, of all processes.
 */
export function shellWaits(stats: string): boolean {
  const shell = shellIn(processesIn(stats));
  return shell?.state === 'S' && shell.group === shell.foreground;
}

/** Name of the program in the foreground of the guest's console, if there is one. */
export function foregroundName(stats: string): string | undefined {
  const processes = processesIn(stats);
  const shell = shellIn(processes);
  return processes.find(({ pid }) => pid === shell?.foreground)?.name;
}
