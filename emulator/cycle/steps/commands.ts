// SPDX-License-Identifier: MIT
/** Steps that run programs in the guest. */
import { judgeCommand, outputLines, runCommand, shell } from '../commands.js';
import { readKtap } from '../ktap.js';
import type { SimpleStep } from '../plan.js';
import type { StepContext } from './context.js';

/** Virtual time within which the self-checks must end. */
const SELFCHECK_MS_MAX = 60_000;
/** How much too late a timer may be seen on a machine that was never suspended. */
const TOLERANCE_MS = 2_000;

/** Runs a command and waits for its end. */
export async function run(
  { deps, machines, evidence }: StepContext,
  step: Extract<SimpleStep, { do: 'run' }>,
): Promise<void> {
  const result = await runCommand(machines.agent, step.command, step.timeoutMs);
  evidence.commands.push({ command: step.command, ...result });
  evidence.findings.push(...(await judgeCommand(step, result, deps.matcher)));
}

/** Starts a command and leaves it running. */
export async function start(
  { machines }: StepContext,
  { command }: Extract<SimpleStep, { do: 'start' }>,
): Promise<void> {
  await machines.agent.spawn(shell(command));
}

export async function selfCheck(
  context: StepContext,
  { phase }: Extract<SimpleStep, { do: 'selfcheck' }>,
): Promise<void> {
  await (phase === 'start' ? startSelfChecks(context) : verifySelfChecks(context));
}

async function startSelfChecks(context: StepContext): Promise<void> {
  const { plan, deps, machines, evidence } = context;
  const command = `selfcheck start --seed ${plan.machine.seed}`;
  context.offSinceStartMs = 0;
  context.suspendingSinceStartMs = 0;
  const result = await runCommand(machines.agent, command, SELFCHECK_MS_MAX);
  evidence.findings.push(...(await judgeCommand({ command, exit: 0 }, result, deps.matcher)));
}

async function verifySelfChecks(context: StepContext): Promise<void> {
  const { machines, evidence, offSinceStartMs, suspendingSinceStartMs } = context;
  const result = await runCommand(
    machines.agent,
    `selfcheck verify --off-ms ${offSinceStartMs} --tolerance-ms ${TOLERANCE_MS + Math.round(suspendingSinceStartMs)}`,
    SELFCHECK_MS_MAX,
  );
  const { points, problem } = readKtap(result.stdout);
  evidence.selfChecks.push(...points);
  for (const { name, passed, detail } of points)
    if (!passed) evidence.find('selfCheck', `self-check ${name} failed`, detail.split('\n'));
  if (problem !== undefined)
    evidence.find('selfCheck', `what the self-checks printed is not whole: ${problem}`, outputLines(result));
  else if (result.exitCode !== 0 && points.every(({ passed }) => passed))
    evidence.find('selfCheck', `the self-checks ended with status ${result.exitCode}`, outputLines(result));
}
