// SPDX-License-Identifier: MIT
/** Commands in the guest: how they end, and what is expected of them. */
import type { Agent } from '../agent/agent.js';
import { Overdue, type Job, type JobResult, type Output } from '../agent/job.js';
import { time } from '../machine/duration.js';
import { GuestError } from '../machine/errors.js';
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

/** Where a command is run, and who is told what it did. */
export interface CommandSite {
  readonly agent: Agent;
  readonly timeline: TimelineName;
  /** Virtual time from the first power-on until now, over all machines. */
  readonly virtualMs: () => number;
  readonly note: (command: CommandOutcome) => void;
}

/** How a command ended. */
export interface CommandEnd {
  /** 128 + signal when a signal ended it, as shells have it; null when it did not end in the time that it was given. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What the guest did when a command that did not end was to be killed, if that failed, too. */
  readonly trouble: readonly string[];
}

/**
 * Runs a command line by the guest's shell and waits for its end, for `timeoutMs` of virtual time at most; then it is killed.
 * 'powerCut' when a planned power cut came before the end. Whatever comes of it is noted.
 * @throws GuestError when the machine stops.
 */
export async function runCommand(
  site: CommandSite,
  command: string,
  timeoutMs: number,
): Promise<CommandEnd | 'powerCut'> {
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
  if (stopped === 'powerCut') return stopped;
  if (stopped) throw stoppedWhile(command, stopped, end, site.agent);
  return end;
}

/** As `runCommand`, where no power cut is planned. */
export async function runUncut(site: CommandSite, command: string, timeoutMs: number): Promise<CommandEnd> {
  const end = await runCommand(site, command, timeoutMs);
  if (end === 'powerCut')
    throw new GuestError(`power was cut while \`${command}\` ran`, { consoleTail: site.agent.consoleTail });
  return end;
}

type Stop = 'halted' | 'powerCut' | 'reset';

interface RunWithin {
  readonly end: CommandEnd;
  /** Why the machine stands still before the command has ended. */
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

/** Kills a program and waits for its end, so that all of its output is here. Answers why that failed, if it did. */
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
    return [`nor did it end when it was killed: ${error.message}`, ...error.consoleTail];
  }
}

function stoppedWhile(command: string, stopped: Stop, end: CommandEnd, agent: Agent): GuestError {
  const how = {
    halted: 'the machine halted',
    reset: 'the machine reset itself (reboot or triple fault)',
    powerCut: 'power was cut',
  }[stopped];
  return new GuestError(`${how} while \`${command}\` ran`, {
    consoleTail: [...agent.consoleTail, ...outputLines(end)],
    remedy: 'the console says why',
  });
}

/** Runs what must succeed for a run to make sense. @throws GuestError when it does not. */
export async function succeed(agent: Agent, command: string): Promise<void> {
  const { end, stopped } = await runWithin(agent, command, PREPARATION_MS_MAX);
  if (stopped) throw stoppedWhile(command, stopped, end, agent);
  if (end.exitCode === 0) return;
  const how =
    end.exitCode === null ? `did not end within ${time(PREPARATION_MS_MAX)}` : `ended with status ${end.exitCode}`;
  throw new GuestError(`\`${command}\` ${how}`, { consoleTail: [...outputLines(end), ...end.trouble] });
}

/** A job's end as a shell would put it. A job that was stopped with its machine has none: 255. */
export function resultOf(result: JobResult): CommandResult {
  const exitCode =
    result.ended === 'exited' ? result.exitCode : result.ended === 'signalled' ? 128 + result.signal : 255;
  return { exitCode, ...textOf(result) };
}

function textOf({ stdout, stderr }: Output): Pick<CommandResult, 'stdout' | 'stderr'> {
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { stdout: text(stdout), stderr: text(stderr) };
}

/**
 * What is wrong with what a command did.
 * @throws InputError when the pattern for its output is one whose search does not end.
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

/** `text` within {@link OUTPUT_CHARACTERS_MAX}; of more, its beginning and its end. */
export function bounded(text: string): { readonly text: string; readonly omitted: number } {
  if (text.length <= OUTPUT_CHARACTERS_MAX) return { text, omitted: 0 };
  // No half of a surrogate pair stays alone.
  const head = text.slice(0, OUTPUT_CHARACTERS_MAX / 2).replace(/[\ud800-\udbff]$/, '');
  const tail = text.slice(-OUTPUT_CHARACTERS_MAX / 2).replace(/^[\udc00-\udfff]/, '');
  const omitted = text.length - head.length - tail.length;
  return { text: `${head}\n[... ${omitted} characters are left out here ...]\n${tail}`, omitted };
}

/** What a command printed, line by line, in the same bound. */
export function outputLines({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): readonly string[] {
  return [...linesOf(bounded(stdout).text), ...linesOf(bounded(stderr).text).map((line) => `stderr: ${line}`)];
}

const linesOf = (text: string): readonly string[] => (text.trimEnd() === '' ? [] : text.trimEnd().split('\n'));
