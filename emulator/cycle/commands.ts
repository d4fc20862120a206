// SPDX-License-Identifier: MIT
/** Commands in the guest: how they end, and what is expected of them. */
import type { Agent } from '../agent/agent.js';
import type { JobResult } from '../agent/job.js';
import { GuestError } from '../machine/errors.js';
import type { Finding } from './outcome.js';
import { matches, type Matcher } from './pattern.js';
import type { CommandStep } from './plan.js';

export interface CommandResult {
  /** 128 + signal when a signal ended it, as shells have it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PREPARATION_MS_MAX = 30_000;

/** For the shell of the guest. */
export const shell = (command: string): readonly string[] => ['/bin/sh', '-c', command];

/**
 * Runs a command line by the guest's shell and waits for its end.
 * @throws GuestError when it does not end in time or the machine stops.
 */
export async function runCommand(agent: Agent, command: string, timeoutMs: number): Promise<CommandResult> {
  const result = await runUnlessCut(agent, command, timeoutMs);
  if (result === 'powerCut')
    throw new GuestError(`power was cut while \`${command}\` ran`, { consoleTail: agent.consoleTail });
  return result;
}

/** As `runCommand`, where a planned power cut may come before the end. */
export async function runUnlessCut(
  agent: Agent,
  command: string,
  timeoutMs: number,
): Promise<CommandResult | 'powerCut'> {
  const result = await agent.exec(shell(command), { virtualMsMax: timeoutMs });
  if (result.ended === 'powerCut') return 'powerCut';
  if (result.ended === 'halted' || result.ended === 'reset') {
    throw new GuestError(
      `the machine ${result.ended === 'reset' ? 'reset itself (reboot or triple fault)' : 'halted'} while \`${command}\` ran`,
      {
        consoleTail: agent.consoleTail,
        remedy: 'the console says why',
      },
    );
  }
  return resultOf(result);
}

/** Runs what must succeed for a run to make sense. @throws GuestError when it does not. */
export async function succeed(agent: Agent, command: string): Promise<void> {
  const result = await runCommand(agent, command, PREPARATION_MS_MAX);
  if (result.exitCode !== 0)
    throw new GuestError(`\`${command}\` ended with status ${result.exitCode}: ${outputLines(result).join('; ')}`);
}

/** A job's end as a shell would put it. A job that was stopped with its machine has none: 255. */
export function resultOf(result: JobResult): CommandResult {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const exitCode =
    result.ended === 'exited' ? result.exitCode : result.ended === 'signalled' ? 128 + result.signal : 255;
  return { exitCode, stdout: text(result.stdout), stderr: text(result.stderr) };
}

/**
 * What is wrong with what a command did.
 * @throws InputError when the pattern for its output is one whose search does not end.
 */
export async function judgeCommand(
  step: Pick<CommandStep, 'command' | 'exit' | 'stdout'>,
  result: CommandResult,
  matcher: Matcher,
): Promise<readonly Finding[]> {
  const wrong = (what: string): readonly Finding[] => [{ kind: 'command', what, details: outputLines(result) }];
  if (result.exitCode !== step.exit)
    return wrong(`\`${step.command}\` ended with status ${result.exitCode}, not ${step.exit}`);
  const output = `the output of \`${step.command}\``;
  if (step.stdout !== undefined && !(await matches(step.stdout, result.stdout, output, matcher)))
    return wrong(`${output} does not match /${step.stdout}/`);
  return [];
}

export function outputLines({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): readonly string[] {
  return [...linesOf(stdout), ...linesOf(stderr).map((line) => `stderr: ${line}`)];
}

const linesOf = (text: string): readonly string[] => (text.trimEnd() === '' ? [] : text.trimEnd().split('\n'));
