// SPDX-License-Identifier: MIT
/** The command line: parses the arguments, runs one command and returns the exit status. */
import { CommanderError } from 'commander';
import { EXIT } from '../../emulator/machine/errors.js';
import { failureStatus } from './bisect-exit.js';
import { describeFailure, TwoFailures } from './failure.js';
import { interruptible } from './interrupt.js';
import { watchOutput } from './output-streams.js';
import { buildProgram } from './program.js';

/** Runs the command in `args` (without node and script) and returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  watchOutput(failureStatus(EXIT.rigFailed, args));
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
      if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.pass : failureStatus(EXIT.badInput, args);
      const isInterrupted = signal.aborted && !(error instanceof TwoFailures);
      const { message, exitCode } = describeFailure(isInterrupted ? signal.reason : error);
      console.error(message);
      return failureStatus(exitCode, args);
    }
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
