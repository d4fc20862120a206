// SPDX-License-Identifier: MIT
/** Steps that run programs in the guest. */
import { time } from '../../machine/duration.js';
import { judgeCommand, outputLines, runCommand, type CommandSite } from '../commands.js';
import { readKtap } from '../ktap.js';
import type { SimpleStep } from '../plan.js';
import type { StepContext } from './context.js';

/** Virtual time within which the self-checks must end. */
const SELFCHECK_MS_MAX = 60_000;
/** Allowed delay of a timer on a machine that was never suspended, in milliseconds. */
const TOLERANCE_MS = 2_000;

/** Runs a command and waits for its end. When it fails, the scenario ends, unless the step has `continue`. */
export async function run(context: StepContext, step: Extract<SimpleStep, { do: 'run' }>): Promise<void> {
  const { deps, evidence } = context;
  const end = await runCommand(siteOf(context), step.command, step.timeoutMs);
  const wrong = await judgeCommand(step, end, deps.matcher);
  evidence.addFindings(wrong);
  if (wrong.length > 0 && step.continue !== true) context.over = true;
}

export async function selfCheck(
  context: StepContext,
  { phase }: Extract<SimpleStep, { do: 'selfcheck' }>,
): Promise<void> {
  await (phase === 'start' ? startSelfChecks(context) : verifySelfChecks(context));
}

async function startSelfChecks(context: StepContext): Promise<void> {
  const { plan, deps, evidence } = context;
  context.offSinceStartMs = 0;
  context.suspendingSinceStartMs = 0;
  const { patience } = deps.booter.engine.traits;
  const words = ['selfcheck start', `--seed ${plan.machine.seed}`, ...(patience > 1 ? [`--patience ${patience}`] : [])];
  const step = { command: words.join(' '), exit: 0, timeoutMs: SELFCHECK_MS_MAX };
  const end = await runCommand(siteOf(context), step.command, step.timeoutMs);
  evidence.addFindings(await judgeCommand(step, end, deps.matcher));
}

async function verifySelfChecks(context: StepContext): Promise<void> {
  const { evidence, offSinceStartMs, suspendingSinceStartMs } = context;
  const end = await runCommand(
    siteOf(context),
    `selfcheck verify --off-ms ${offSinceStartMs} --tolerance-ms ${TOLERANCE_MS + Math.round(suspendingSinceStartMs)}`,
    SELFCHECK_MS_MAX,
  );
  const { points, problem } = readKtap(end.stdout);
  evidence.addSelfChecks(points);
  for (const { name, passed, detail } of points)
    if (!passed) evidence.find('selfCheck', `self-check ${name} failed`, detail.split('\n'));
  const details = [...outputLines(end), ...end.trouble];
  if (end.exitCode === null)
    evidence.find('selfCheck', `the self-checks did not end within ${time(SELFCHECK_MS_MAX)}`, details);
  else if (problem !== undefined)
    evidence.find('selfCheck', `the output of the self-checks is incomplete: ${problem}`, details);
  else if (end.exitCode !== 0 && points.every(({ passed }) => passed))
    evidence.find('selfCheck', `the self-checks ended with status ${end.exitCode}`, details);
}

const siteOf = ({ deps, machines, evidence }: StepContext): CommandSite => ({
  agent: machines.agent,
  timeline: deps.timeline ?? 'main',
  virtualMs: () => machines.virtualMs,
  note: (command) => evidence.addCommand(command),
});
