// SPDX-License-Identifier: MIT
/** The command line: parses, runs one command, and answers the exit status. */
import { CommanderError } from 'commander';
import { EXIT } from '../../emulator/machine/errors.js';
import { describeFailure } from './failure.js';
import { interruptible } from './interrupt.js';
import { buildProgram } from './program.js';

/** As a shell reports a program that SIGPIPE ended. */
const EXIT_READER_GONE = 141;

/** Runs the command in `args` (without node and script) and answers the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  endWithReader(process.stdout);
  endWithReader(process.stderr);
  return interruptible(async (signal) => {
    let status: number = EXIT.pass;
    const program = buildProgram({ signal, done: (exitCode) => (status = exitCode) });
    try {
      await program.parseAsync(
        withDefaultCommand(
          args,
          program.commands.map((command) => command.name()),
        ),
        { from: 'user' },
      );
      return status;
    } catch (error) {
      // Help and version are thrown too, with status 0; usage errors have been printed.
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.pass : EXIT.badInput;
      const { message, exitCode } = describeFailure(signal.aborted ? signal.reason : error);
      console.error(message);
      return exitCode;
    }
  });
}

/** Whoever reads our output and goes away wants no more of it: `snapback run | head -1`. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_READER_GONE);
  });
}

/** `snapback` alone, or with options only, means `snapback run` of the standard scenario. */
export function withDefaultCommand(args: readonly string[], commands: readonly string[]): readonly string[] {
  const [first] = args;
  if (
    first !== undefined &&
    ([...commands, 'help', '--help', '-h', '--version', '-V'].includes(first) || !first.startsWith('-'))
  )
    return args;
  return ['run', ...args];
}
