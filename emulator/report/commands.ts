// SPDX-License-Identifier: MIT
/** Shows the results of a scenario's commands to people. */
import type { CommandOutcome } from '../cycle/outcome.js';
import { printable, printableLine } from './escape.js';
import { time } from './numbers.js';

const WHERE: Readonly<Record<CommandOutcome['timeline'], string>> = {
  main: '',
  live: ' (live timeline)',
  control: ' (control run)',
};

/** A command, its end and its output, line by line. Control characters are escaped. */
export function commandLines(command: CommandOutcome): readonly string[] {
  const { timeline, stdout, stderr, startVirtualMs, durationVirtualMs } = command;
  return [
    `$ ${printableLine(command.command)}`,
    ...outputLines(stdout, '  | '),
    ...outputLines(stderr, '  stderr | '),
    `  ${endOf(command)} after ${time(durationVirtualMs)}, begun at ${time(startVirtualMs)} of guest time${WHERE[timeline]}`,
  ];
}

function endOf({ end, exitCode, othersRunning }: CommandOutcome): string {
  switch (end) {
    case 'exited':
      return `ended with status ${exitCode}${othersRunning === true ? ' (other processes of its group still ran)' : ''}`;
    case 'timedOut':
      return 'did not end in time';
    case 'machineStopped':
      return 'ran when the machine stopped,';
    case 'running':
      return 'still ran';
  }
}

function outputLines(text: string, prefix: string): readonly string[] {
  const trimmed = text.replace(/\n$/, '');
  return trimmed === ''
    ? []
    : printable(trimmed)
        .split('\n')
        .map((line) => `${prefix}${line}`);
}
