// SPDX-License-Identifier: MIT
/**
 * Programs that run in the background through the suspends. Before and after each suspend they are checked for programs
 * that have ended.
 */
import type { Agent } from '../../agent/agent.js';
import { GuestError } from '../../machine/errors.js';
import { bounded, outputLines, resultOf, shell } from '../commands.js';
import type { SimpleStep } from '../plan.js';
import type { BackgroundNotes, BackgroundProgram, StepContext } from './context.js';

/** Virtual time within which the agent must report the state of a program, or its output. */
const LOOK_MS_MAX = 30_000;

/** Starts a command and leaves it running. */
export async function start(context: StepContext, step: Extract<SimpleStep, { do: 'start' }>): Promise<void> {
  const { machines } = context;
  const { name, command, exit } = step;
  const startVirtualMs = machines.virtualMs;
  const job = await machines.agent.spawn(shell(command));
  const program = { name, command, jobId: job.id, ...(exit !== undefined && { exit }), startVirtualMs, job };
  context.background = [...context.background, program];
}

/** The background programs of a machine that continues from a checkpoint. */
export const restoreBackground = (agent: Agent, notes: readonly BackgroundNotes[]): BackgroundProgram[] =>
  notes.map((one) => ({ ...one, job: agent.adopt(one.jobId, shell(one.command)) }));

export const notesOf = ({ background }: StepContext): readonly BackgroundNotes[] =>
  background.map(({ job: _job, ...notes }) => notes);

/**
 * Reports the programs that have ended, each once. `when` is for people: `before the suspend`.
 * @throws GuestError when the agent does not answer.
 */
export async function checkBackground(context: StepContext, when: string): Promise<void> {
  if (context.background.length === 0) return;
  const { agent } = context.machines;
  const running: BackgroundProgram[] = [];
  for (const program of context.background) {
    if (await agent.isRunning(program.job, { virtualMsMax: LOOK_MS_MAX })) running.push(program);
    else await report(context, program, when);
  }
  context.background = running;
}

async function report(context: StepContext, program: BackgroundProgram, when: string): Promise<void> {
  const { deps, machines, evidence } = context;
  const { name, command, exit, startVirtualMs, job } = program;
  const result = resultOf(await machines.agent.wait(job, { virtualMsMax: LOOK_MS_MAX }));
  const [stdout, stderr] = [bounded(result.stdout), bounded(result.stderr)];
  evidence.addCommand({
    timeline: deps.timeline ?? 'main',
    command,
    background: true,
    end: 'exited',
    exitCode: result.exitCode,
    stdout: stdout.text,
    stderr: stderr.text,
    omittedCharacters: { stdout: stdout.omitted, stderr: stderr.omitted },
    startVirtualMs,
    durationVirtualMs: machines.virtualMs - startVirtualMs,
  });
  if (result.exitCode === exit) return;
  const expected = exit === undefined ? '' : `, not ${exit},`;
  evidence.addFindings([
    {
      kind: 'command',
      what: `\`${name}\`, started in the background, ended with status ${result.exitCode}${expected} ${when}`,
      details: outputLines(result),
      ...(exit === undefined && {
        remedy: `keep the program running; if it may end by itself, declare its exit status: \`start: { command: ..., exit: ${result.exitCode} }\``,
      }),
    },
  ]);
}

/**
 * Like `checkBackground`, at the end of a timeline. A failed guest is not asked again. If the scenario has ended early,
 * a guest that does not answer is no further finding.
 */
export async function checkBackgroundAtEnd(context: StepContext): Promise<void> {
  if (!context.machines.hasAgent || context.failed) return;
  try {
    await checkBackground(context, 'before the end of the scenario');
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    if (!context.over) context.evidence.addError(error);
  }
}
