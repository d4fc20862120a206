// SPDX-License-Identifier: MIT
/**
 * Programs that run in the background through the suspends. Before and after each suspend they are checked for programs
 * that have ended. Their output is collected when they have ended, or at the end of the timeline.
 *
 * A program is the process that a `start` step began. Other processes of its process group may outlive it. While such a
 * process runs, a program that ended with status 0 counts as running: it may have left its work to that process.
 */
import type { Agent } from '../../agent/agent.js';
import type { JobEnd, Look } from '../../agent/job.js';
import { GuestError } from '../../machine/errors.js';
import { boundedOutput, exitCodeOf, linesOfBoth, shell } from '../commands.js';
import type { TimelineName } from '../outcome.js';
import type { SimpleStep } from '../plan.js';
import type { BackgroundNotes, BackgroundProgram, StepContext } from './context.js';

/** Virtual time within which the agent must report the state of a program and its output. */
const LOOK_MS_MAX = 30_000;
/** The report does not show more of an output than its ends. */
const OUTPUT = { onlyEnds: true };

/** Starts a command and leaves it running. */
export async function start(context: StepContext, step: Extract<SimpleStep, { do: 'start' }>): Promise<void> {
  const { machines } = context;
  const { name, command, exit } = step;
  const startVirtualMs = machines.virtualMs;
  const job = await machines.agent.spawn(shell(command), OUTPUT);
  const program = {
    name,
    command,
    jobId: job.id,
    ...(exit !== undefined && { exit }),
    startVirtualMs,
    judged: false,
    job,
  };
  context.background = [...context.background, program];
}

/** The background programs of a machine that continues from a checkpoint. */
export const restoreBackground = (agent: Agent, notes: readonly BackgroundNotes[]): BackgroundProgram[] =>
  notes.map((one) => ({ ...one, job: agent.adopt(one.jobId, shell(one.command), OUTPUT) }));

export const notesOf = ({ background }: StepContext): readonly BackgroundNotes[] =>
  background.map(({ job: _job, ...notes }) => notes);

/**
 * Reports the programs that have ended, each once. `when` is for people: `before the suspend`.
 * @throws GuestError when the agent does not answer.
 */
export async function checkBackground(context: StepContext, when: string): Promise<void> {
  for (const program of context.background) {
    const after = await check(context, program, when);
    context.background = context.background.flatMap((one) => (one === program ? (after ?? []) : one));
  }
}

/** Checks one program. Returns undefined when no process of it is left; then its result has been recorded. */
async function check(
  context: StepContext,
  program: BackgroundProgram,
  when: string,
): Promise<BackgroundProgram | undefined> {
  const { agent, virtualMs } = context.machines;
  const { job, exit } = program;
  const look = await agent.peek(job, { virtualMsMax: LOOK_MS_MAX });
  if (!look.end) return program;
  const livesOn = look.groupRuns && exit === undefined && exitCodeOf(look.end) === 0;
  if (!program.judged && !livesOn) judge(context, program, look, look.end, when);
  const ended = { ...program, judged: !livesOn, endVirtualMs: program.endVirtualMs ?? virtualMs };
  if (look.groupRuns) return ended;
  // Its end is known, so this only makes the guest forget it.
  await agent.wait(job, { virtualMsMax: LOOK_MS_MAX });
  record(context, ended, look, true);
  return undefined;
}

function judge(
  { evidence }: StepContext,
  { name, exit }: BackgroundProgram,
  look: Look,
  end: JobEnd,
  when: string,
): void {
  const exitCode = exitCodeOf(end);
  if (exitCode === exit) return;
  const expected = exit === undefined ? '' : `, not ${exit},`;
  const others = look.groupRuns ? '; other processes of its process group still run' : '';
  const { stdout, stderr } = textOf(look);
  evidence.addFindings([
    {
      kind: 'command',
      what: `\`${name}\`, started in the background, ended with status ${exitCode}${expected} ${when}${others}`,
      details: linesOfBoth(stdout.text, stderr.text),
      ...(exit === undefined && {
        remedy: `keep the program running; if it may end by itself, declare its exit status: \`start: { command: ..., exit: ${exitCode} }\``,
      }),
    },
  ]);
}

const textOf = ({ stdout, stderr, gaps }: Look) => ({
  stdout: boundedOutput(stdout, gaps?.stdout),
  stderr: boundedOutput(stderr, gaps?.stderr),
});

/** Records the result of a program. `isKnown`: `look` is its state now, and not of an earlier check. */
function record(
  { deps, machines, evidence }: StepContext,
  { command, startVirtualMs, endVirtualMs = machines.virtualMs }: BackgroundProgram,
  look: Look,
  isKnown: boolean,
  timeline: TimelineName = deps.timeline ?? 'main',
): void {
  const { end, groupRuns } = look;
  const { stdout, stderr } = textOf(look);
  evidence.addCommand({
    timeline,
    command,
    background: true,
    ...(end && groupRuns && { othersRunning: true }),
    end: end ? 'exited' : isKnown ? 'running' : 'machineStopped',
    exitCode: end ? exitCodeOf(end) : null,
    stdout: stdout.text,
    stderr: stderr.text,
    omittedCharacters: { stdout: stdout.omitted, stderr: stderr.omitted },
    startVirtualMs,
    durationVirtualMs: endVirtualMs - startVirtualMs,
  });
}

/**
 * Like `checkBackground`, before the machine is turned off. Then it records the results of the programs that still run.
 * @throws GuestError when the agent does not answer.
 */
export async function collectBackground(context: StepContext, when: string): Promise<void> {
  await checkBackground(context, when);
  for (const program of context.background) record(context, program, program.job.look, true);
  context.background = [];
}

/** Records the results of programs that ended with their machine, as far as they are known from the last check. */
export function abandonBackground(context: StepContext): void {
  for (const program of context.background) record(context, program, program.job.look, false);
  context.background = [];
}

/**
 * Records the programs that have printed something in a live timeline, or have ended there. A live timeline may end
 * programs, so their end is no finding. The programs of the restored timeline are not touched.
 * @throws GuestError when the agent does not answer.
 */
export async function collectInLiveTimeline(context: StepContext, live: Agent): Promise<void> {
  for (const program of context.background) {
    const { job, command, endVirtualMs: _ended, ...rest } = program;
    const inLive = live.adopt(job.id, shell(command), { ...OUTPUT, from: job.offsets });
    const look = await live.peek(inLive, { virtualMsMax: LOOK_MS_MAX });
    const printed = look.stdout.length + look.stderr.length > 0;
    if (printed || (look.end && !job.look.end)) record(context, { ...rest, command, job: inLive }, look, true, 'live');
  }
}

/**
 * Like `collectBackground`, at the end of a timeline. A failed guest is not asked again. If the scenario has ended
 * early, a guest that does not answer is no further finding.
 */
export async function collectBackgroundAtEnd(context: StepContext): Promise<void> {
  try {
    if (context.machines.hasAgent && !context.failed)
      await collectBackground(context, 'before the end of the scenario');
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    if (!context.over) context.evidence.addError(error);
  }
  abandonBackground(context);
}
