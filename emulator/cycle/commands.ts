// SPDX-License-Identifier: MIT
/** Runs commands in the guest and compares their results with the expectations of the plan. */
import type { Agent } from '../agent/agent.js';
import { Overdue, type Gap, type Job, type JobEnd, type JobResult, type Output } from '../agent/job.js';
import { time } from '../machine/duration.js';
import { GuestError, PowerCut } from '../machine/errors.js';
import { OUTPUT_CHARACTERS_MAX, type CommandOutcome, type Finding, type TimelineName } from './outcome.js';
import { matches, type Matcher } from './pattern.js';
import type { CommandStep } from './plan.js';

export interface CommandResult {
  /** 128 + signal when a signal ended it, as shells have it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const PREPARATION_MS_MAX = 30_000;
/** Virtual time within which a command that is killed must end. */
const KILL_MS_MAX = 5_000;
/** Linux's number. */
const SIGKILL = 9;

/** For the shell of the guest. */
export const shell = (command: string): readonly string[] => ['/bin/sh', '-c', command];

/** Where a command runs, and where its result is recorded. */
export interface CommandSite {
  readonly agent: Agent;
  readonly timeline: TimelineName;
  /** Virtual time from the first power-on until now, over all machines. */
  readonly virtualMs: () => number;
  readonly note: (command: CommandOutcome) => void;
}

/** How a command ended. */
export interface CommandEnd {
  /** 128 + signal when a signal ended it, as in shells; null when it did not end in time. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why killing a command that exceeded its time failed, if it failed. */
  readonly trouble: readonly string[];
}

/**
 * Runs a command line in the guest's shell and waits for its end. After `timeoutMs` of virtual time the command is
 * killed. The result is recorded in every case.
 * @throws GuestError when the machine stops; PowerCut when a power cut stops it.
 */
export async function runCommand(site: CommandSite, command: string, timeoutMs: number): Promise<CommandEnd> {
  const startVirtualMs = site.virtualMs();
  const { end, stopped } = await runWithin(site.agent, command, timeoutMs);
  const [stdout, stderr] = [bounded(end.stdout), bounded(end.stderr)];
  site.note({
    timeline: site.timeline,
    command,
    end: stopped ? 'machineStopped' : end.exitCode === null ? 'timedOut' : 'exited',
    exitCode: end.exitCode,
    stdout: stdout.text,
    stderr: stderr.text,
    omittedCharacters: { stdout: stdout.omitted, stderr: stderr.omitted },
    startVirtualMs,
    durationVirtualMs: site.virtualMs() - startVirtualMs,
  });
  if (stopped) throw stoppedWhile(command, stopped, end, site.agent);
  return end;
}

type Stop = 'halted' | 'powerCut' | 'reset';

interface RunWithin {
  readonly end: CommandEnd;
  /** Why the machine stopped before the command ended. */
  readonly stopped?: Stop;
}

async function runWithin(agent: Agent, command: string, timeoutMs: number): Promise<RunWithin> {
  try {
    const result = await agent.exec(shell(command), { virtualMsMax: timeoutMs });
    const { exitCode, stdout, stderr } = resultOf(result);
    if (result.ended === 'halted' || result.ended === 'reset' || result.ended === 'powerCut')
      return { end: { exitCode: null, stdout, stderr, trouble: [] }, stopped: result.ended };
    return { end: { exitCode, stdout, stderr, trouble: [] } };
  } catch (error) {
    if (!(error instanceof Overdue)) throw error;
    const trouble = await killed(agent, error.job);
    const { stdout, stderr } = textOf(error.job.output);
    return { end: { exitCode: null, stdout, stderr, trouble } };
  }
}

/** Kills a program and waits for its end, so that its output is complete. Returns the reason if that fails. */
async function killed(agent: Agent, job: Job): Promise<readonly string[]> {
  try {
    await agent.kill(job, SIGKILL, { virtualMsMax: KILL_MS_MAX });
  } catch (error) {
    // It may have ended in the meantime.
    if (!(error instanceof GuestError)) throw error;
  }
  try {
    await agent.wait(job, { virtualMsMax: KILL_MS_MAX });
    return [];
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    return [`it did not end when it was killed either: ${error.message}`, ...error.consoleTail];
  }
}

function stoppedWhile(command: string, stopped: Stop, end: CommandEnd, agent: Agent): GuestError {
  const how = {
    halted: 'the machine halted',
    reset: 'the machine reset itself (reboot or triple fault)',
    powerCut: 'power was cut',
  }[stopped];
  const Kind = stopped === 'powerCut' ? PowerCut : GuestError;
  return new Kind(`${how} while \`${command}\` ran`, {
    consoleTail: [...agent.consoleTail, ...outputLines(end)],
    remedy: 'the console says why',
  });
}

/** Runs a preparatory command. @throws GuestError when it fails. */
export async function succeed(agent: Agent, command: string): Promise<void> {
  const { end, stopped } = await runWithin(agent, command, PREPARATION_MS_MAX);
  if (stopped) throw stoppedWhile(command, stopped, end, agent);
  if (end.exitCode === 0) return;
  const how =
    end.exitCode === null ? `did not end within ${time(PREPARATION_MS_MAX)}` : `ended with status ${end.exitCode}`;
  throw new GuestError(`\`${command}\` ${how}`, { consoleTail: [...outputLines(end), ...end.trouble] });
}

/** The exit status of a job, as in a shell. A job that was stopped with its machine has none: 255. */
export function resultOf(result: JobResult): CommandResult {
  return { exitCode: exitCodeOf(result), ...textOf(result) };
}

/** The exit status of an end, as in a shell: 128 + signal when a signal ended the program. */
export const exitCodeOf = (end: JobEnd | JobResult): number =>
  end.ended === 'exited' ? end.exitCode : end.ended === 'signalled' ? 128 + end.signal : 255;

function textOf({ stdout, stderr }: Output): Pick<CommandResult, 'stdout' | 'stderr'> {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { stdout: text(stdout), stderr: text(stderr) };
}

/**
 * Returns the differences between a command's result and its expectations.
 * @throws InputError when the search for its output pattern does not end.
 */
export async function judgeCommand(
  step: Pick<CommandStep, 'command' | 'exit' | 'stdout' | 'timeoutMs'>,
  end: CommandEnd,
  matcher: Matcher,
): Promise<readonly Finding[]> {
  const wrong = (what: string): readonly Finding[] => [
    { kind: 'command', what, details: [...outputLines(end), ...end.trouble] },
  ];
  if (end.exitCode === null) return wrong(`\`${step.command}\` did not end within ${time(step.timeoutMs)}`);
  if (end.exitCode !== step.exit)
    return wrong(`\`${step.command}\` ended with status ${end.exitCode}, not ${step.exit}`);
  const output = `the output of \`${step.command}\``;
  if (step.stdout !== undefined && !(await matches(step.stdout, end.stdout, output, matcher)))
    return wrong(`${output} does not match /${step.stdout}/`);
  return [];
}

/** `text`, shortened to {@link OUTPUT_CHARACTERS_MAX}: its beginning and its end are kept. */
export function bounded(text: string): { readonly text: string; readonly omitted: number } {
  if (text.length <= OUTPUT_CHARACTERS_MAX) return { text, omitted: 0 };
  const head = headOf(text);
  const tail = tailOf(text);
  const omitted = text.length - head.length - tail.length;
  return { text: shortened(head, omitted, tail), omitted };
}

// Surrogate pairs are not split.
const headOf = (text: string): string => text.slice(0, OUTPUT_CHARACTERS_MAX / 2).replace(/[\ud800-\udbff]$/, '');
const tailOf = (text: string): string => text.slice(-OUTPUT_CHARACTERS_MAX / 2).replace(/^[\udc00-\udfff]/, '');
const shortened = (head: string, omitted: number, tail: string): string =>
  `${head}\n[... ${omitted} characters are left out here ...]\n${tail}`;

/**
 * The output of a program as text, shortened like {@link bounded}. Of a part that the guest did not keep, each byte
 * counts as a character.
 */
export function boundedOutput(bytes: Uint8Array, gap: Gap | undefined): ReturnType<typeof bounded> {
  const text = (part: Uint8Array): string => new TextDecoder().decode(part);
  if (!gap) return bounded(text(bytes));
  const [before, after] = [text(bytes.subarray(0, gap.atBytes)), text(bytes.subarray(gap.atBytes))];
  const head = headOf(before);
  const tail = tailOf(after);
  const omitted = gap.bytes + before.length - head.length + after.length - tail.length;
  return { text: shortened(head, omitted, tail), omitted };
}

/** The output of a command, line by line, shortened to the same bound. */
export const outputLines = ({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): readonly string[] =>
  linesOfBoth(bounded(stdout).text, bounded(stderr).text);

/** The same of output that has already been shortened. */
export const linesOfBoth = (stdout: string, stderr: string): readonly string[] => [
  ...linesOf(stdout),
  ...linesOf(stderr).map((line) => `stderr: ${line}`),
];

const linesOf = (text: string): readonly string[] => (text.trimEnd() === '' ? [] : text.trimEnd().split('\n'));
