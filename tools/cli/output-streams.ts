// SPDX-License-Identifier: MIT
/** Handles errors of the two output streams of a command. */
import { writeSync } from 'node:fs';
import { EXIT } from '../../emulator/machine/errors.js';

/** The exit status that a shell reports for a program that SIGPIPE ended. */
const EXIT_READER_GONE = 141;

/**
 * Watches standard output and the error output from now on. When their reader closes them (`snapback run | head -1`),
 * the process ends. After any other failure (a full disk) the command continues, because it may have files to write.
 * The failure is reported once, and the process then ends with `failedStatus` instead of its own exit status.
 */
export function watchOutput(failedStatus: number = EXIT.rigFailed): void {
  let failed = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT_READER_GONE);
      if (failed) return;
      failed = true;
      // The caller of the command may set the exit status later, so this sets it last.
      process.on('exit', () => (process.exitCode = failedStatus));
      if (stream === process.stdout)
        sayAtOnce(`snapback: cannot write to standard output\n  because: ${error.message}\n`);
    });
  }
}

/** Writes directly to the error output, because a stream does not work. */
function sayAtOnce(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // The error output fails, too. Only the exit status remains.
  }
}
