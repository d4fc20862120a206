// SPDX-License-Identifier: MIT
/** The two output streams of a command: what happens when nothing can be written to them. */
import { writeSync } from 'node:fs';
import { EXIT } from '../../emulator/machine/errors.js';

/** As a shell reports a program that SIGPIPE ended. */
const EXIT_READER_GONE = 141;

/**
 * Looks after standard output and the error output from here on. Whoever reads them and goes away wants no more of them
 * (`snapback run | head -1`): the process ends. Any other failure (a full disk) lets the command go on, since it may have files
 * to write, and is told once; the process then ends with {@link EXIT.rigFailed}, whatever its exit status would have been.
 */
export function watchOutput(): void {
  let failed = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT_READER_GONE);
      if (failed) return;
      failed = true;
      // The exit status is set by who runs the command, and may be so after this.
      process.on('exit', () => (process.exitCode = EXIT.rigFailed));
      if (stream === process.stdout)
        sayAtOnce(`snapback: cannot write to standard output\n  because: ${error.message}\n`);
    });
  }
}

/** Past the streams, one of which does not work. */
function sayAtOnce(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Then there is nowhere to say it: the exit status must do.
  }
}
