// SPDX-License-Identifier: MIT
/**
 * The system call snapshot(2): the machine lives on after the copy, saves its image, and is then turned off. What
 * it does in the meantime must leave no trace in the system that comes back.
 */
import { Agent } from '../agent/agent.js';
import type { Job } from '../agent/job.js';
import type { MarkerSeen } from '../machine/contract.js';
import { GuestError } from '../machine/errors.js';
import { stepBegin, stepEnd } from '../machine/markers.js';
import { Bound } from './bound.js';
import { judgeCommand, outputLines, resultOf, runCommand, shell, type CommandSite } from './commands.js';
import type { Evidence } from './evidence.js';
import type { Matcher } from './pattern.js';
import type { CommandStep, Step } from './plan.js';
import { copyRamAt, ramAt } from './ram-at.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { refusedOrStopped } from './refused.js';
import { consoleTail, unexpectedStop } from './stop.js';
import type { WentOff } from './swsusp.js';

/** The volumes that the live timeline may write: its changes to everything mounted before, and the image. */
export const storesOf = (store: LiveSteps['store']): readonly string[] =>
  store === 'memory' ? ['sdb3'] : ['sdb1', 'sdb3'];

/** Path of the image on the filesystem of sdb3. */
export const SNAPSHOT_IMAGE = '/snapshot';

/** What the initramfs must be told to look for it. */
export const SNAPSHOT_CMDLINE = `rig.image=/dev/sdb3:${SNAPSHOT_IMAGE}`;

/** On a tmpfs: gone with the live timeline. */
const FOLDER = '/run/snapback';
const save = (compress: LiveSteps['compress']): string =>
  [
    `mount -t ext4 /dev/sdb3 ${FOLDER}/store`,
    `snapctl save ${compress === false ? '--no-compression ' : ''}${FOLDER}/store${SNAPSHOT_IMAGE}`,
    `umount ${FOLDER}/store`,
  ].join(' && ');
/**
 * `take` is left alone from the call on: its command runs in the live timeline only, in the restored one it ends. It saves the
 * image when it is told to.
 */
const take = ({ store, compress }: LiveSteps): string =>
  `mkdir -p ${FOLDER}/store && rm -f ${FOLDER}/go && mkfifo ${FOLDER}/go && exec snapctl take ${store === 'memory' ? '' : '-c /dev/sdb1 '}sh -c '{ read _ < ${FOLDER}/go; ${save(compress)}; } > ${FOLDER}/said 2>&1; echo $? > ${FOLDER}/ended'`;
const GO = `echo > ${FOLDER}/go`;
const AWAIT_SAVED = `until [ -s ${FOLDER}/ended ]; do sleep 0.1; done; cat ${FOLDER}/said; exit $(cat ${FOLDER}/ended)`;

/** What the live timeline is to do. */
export type LiveSteps = Pick<Extract<Step, { do: 'suspend' }>, 'beforeSaving' | 'whileSaving' | 'store' | 'compress'>;

/** What a live timeline is watched with. */
export interface LiveDeps {
  /** Virtual time until the machine is off, without the commands of the plan; if the plan says. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly matcher: Matcher;
  /** Gets each command and finding at once: nothing of it is lost with a machine that fails later. */
  readonly evidence: Evidence;
  readonly virtualMs: CommandSite['virtualMs'];
}

/**
 * Takes a snapshot and lets the live timeline run `beforeSaving`, then `whileSaving` while it saves the image, until it is off. `agent`
 * stays where it was at the copy, for the restored timeline; 'powerCut' when a planned cut came before the end. `copyRam`: whether
 * RAM is wanted as it is at the copy.
 * @throws Refused when the kernel refuses, GuestError when the live timeline does not bring its image home.
 */
export async function snapshotAndGoOff(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  deps: LiveDeps,
): Promise<WentOff | 'powerCut'> {
  const { timeoutMs, signal } = deps;
  const bound = new Bound('suspend', recorder, timeoutMs);
  const toCopyEnd = [stopAt(stepEnd('copy')), ...copyRamAt(stepBegin('copy'), copyRam)];
  const job = await toTheCopy(recorder, agent, steps, toCopyEnd, bound);
  if (job === 'powerCut') return job;
  for (let again = true; again;) {
    const returned = await bound.during(async (virtualMsMax) => {
      const report = await recorder.machine.run({
        triggers: [stopAt(stepEnd('call')), ...toCopyEnd],
        virtualMsMax,
      });
      if (report.reason.why === 'trigger' || report.reason.why === 'powerCut') return report;
      throw unexpectedStop('the snapshot to return in the live timeline', report, recorder.seen(), signal);
    });
    if (returned.reason.why !== 'trigger') return 'powerCut';
    // The kernel may find that the image leaves too little memory, and try again with more: the last copy counts.
    again = returned.reason.index === 1;
  }
  const call = recorder.seen().markers.findLast(({ kind }) => kind === stepEnd('call'));
  // The second word of a step's end is an error number, none as 0.
  if (call?.word1 !== 0)
    throw refusedOrStopped(
      'the snapshot failed after the copy',
      await bound.during((virtualMsMax) => agent.wait(job, { virtualMsMax })),
      recorder,
    );
  const atCopy = ramAt(stepBegin('copy'), recorder);

  const live = new Agent(recorder.machine, { ...(signal && { signal }) });
  await bound.during((virtualMsMax) => live.connect({ virtualMsMax }));
  const runAll = liveRunner(live, deps);
  if ((await runAll(steps.beforeSaving ?? [])) === 'powerCut') return 'powerCut';
  const told = await bound.during((virtualMsMax) => live.exec(shell(GO), { virtualMsMax }));
  if (told.ended === 'powerCut') return 'powerCut';
  if (told.ended !== 'exited' || told.exitCode !== 0)
    throw notDone('the live timeline could not be told to save its image', outputLines(resultOf(told)), recorder);
  if ((await runAll(steps.whileSaving)) === 'powerCut') return 'powerCut';
  const saved = await bound.during((virtualMsMax) => live.exec(shell(AWAIT_SAVED), { virtualMsMax }));
  if (saved.ended === 'powerCut') return 'powerCut';
  if (saved.ended !== 'exited' || saved.exitCode !== 0)
    throw notDone('the image of the snapshot was not saved', outputLines(resultOf(saved)), recorder);
  const off = await bound.during((virtualMsMax) => live.powerOff({ virtualMsMax }));
  if (off.why === 'powerCut') return 'powerCut';
  if (off.why !== 'halted')
    throw notDone(`awaited the live timeline to power off, but it stopped otherwise (${off.why})`, [], recorder);
  return { atCopy, job };
}

/**
 * Runs lists of commands in the live timeline. The first that fails is the last that is run, unless it says `continue`; what
 * the restored timeline does rests on none of them.
 */
function liveRunner(
  live: Agent,
  { matcher, evidence, virtualMs }: LiveDeps,
): (steps: readonly CommandStep[]) => Promise<'powerCut' | undefined> {
  const site: CommandSite = {
    agent: live,
    timeline: 'live',
    virtualMs,
    note: (command) => evidence.addCommand(command),
  };
  let over = false;
  return async (steps) => {
    for (const step of steps) {
      if (over) {
        evidence.skip('live', `run ${step.command}`);
        continue;
      }
      const end = await runCommand(site, step.command, step.timeoutMs);
      if (end === 'powerCut') return end;
      const wrong = await judgeCommand(step, end, matcher);
      evidence.addFindings(wrong.map((found) => ({ ...found, what: `in the live timeline: ${found.what}` })));
      over = wrong.length > 0 && step.continue !== true;
    }
    return undefined;
  };
}

/** The instruction at which the last snapshot had frozen all filesystems; undefined when none was taken. */
export const frozenSince = (markers: readonly MarkerSeen[]): number | undefined =>
  markers.findLast(({ kind }) => kind === stepEnd('freezeFilesystems'))?.instruction;

const stopAt = (kind: number): ArmedTrigger => ({ when: { on: 'marker', kind }, then: { do: 'stop' } });

/** Runs to the end of the first copy, with interrupts off: there the two timelines part, unless there is another. */
async function toTheCopy(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  triggers: readonly ArmedTrigger[],
  bound: Bound,
): Promise<Job | 'powerCut'> {
  const end = await bound.during((virtualMsMax) => agent.exec(shell(take(steps)), { virtualMsMax, triggers }));
  if (end.ended === 'powerCut') return 'powerCut';
  if (end.ended === 'stopped') return end.job;
  throw refusedOrStopped('the kernel refused to take a snapshot', end, recorder);
}

function notDone(what: string, said: readonly string[], recorder: Recorder): GuestError {
  return new GuestError(what, {
    consoleTail: [...consoleTail(recorder.seen().console), ...said],
    remedy: 'the console says why',
  });
}
