// SPDX-License-Identifier: MIT
/**
 * Suspends by the system call snapshot(2). After the copy the machine continues as the live timeline, which saves the
 * image and powers off, goes back to the snapshot, or becomes the only timeline. It must not change the restored one.
 */
import { Agent } from '../agent/agent.js';
import type { Job, JobResult } from '../agent/job.js';
import type { MarkerSeen, RamCopy } from '../machine/contract.js';
import { GuestError, PowerCut } from '../machine/errors.js';
import { stepBegin, stepEnd } from '../machine/markers.js';
import { Bound } from './bound.js';
import { judgeCommand, outputLines, resultOf, runCommand, shell, type CommandSite } from './commands.js';
import type { Evidence } from './evidence.js';
import type { Matcher } from './pattern.js';
import type { CommandStep, Step } from './plan.js';
import { copyRamAt, ramAt, type RamAt } from './ram-at.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { refusedOrStopped } from './refused.js';
import { consoleTail, unexpectedStop } from './stop.js';
import type { SuspendResult } from './swsusp.js';

/** The volumes that the live timeline may write: the COW store, the store of the image, and what the plan names. */
export const storesOf = ({ store, mayWrite = [] }: Pick<LiveSteps, 'store' | 'mayWrite'>): readonly string[] => [
  ...(store === 'memory' ? [] : [COW_VOLUME]),
  STORE_VOLUME,
  ...mayWrite,
];

/** The volume that receives the writes of the live timeline, unless memory does. */
export const COW_VOLUME = 'sdb1';

/** The volume whose filesystem receives the image. */
export const STORE_VOLUME = 'sdb3';

/** Path of the image on this filesystem. */
export const SNAPSHOT_IMAGE = '/snapshot';

/** Kernel command line words that make the initramfs look for the image. */
export const SNAPSHOT_CMDLINE = `rig.image=/dev/${STORE_VOLUME}:${SNAPSHOT_IMAGE}`;

/** On a tmpfs, so it ends with the live timeline, unless that is committed. */
const FOLDER = '/run/snapback';
const save = ({ compress, keep }: LiveSteps): string =>
  [
    `mount -t ext4 /dev/${STORE_VOLUME} ${FOLDER}/store`,
    `snapctl save ${compress === false ? '--no-compression ' : ''}${keep ? '--keep ' : ''}${FOLDER}/store${SNAPSHOT_IMAGE}`,
    `umount ${FOLDER}/store`,
  ].join(' && ');
/** How the live timeline ends. What a store in memory holds is lost with the power while it is merged. */
const endOf = (steps: LiveSteps): string => {
  const { then, store } = steps;
  if (then === 'rollback') return 'snapctl rollback';
  if (then === 'commit') return `snapctl commit${store === 'memory' ? ' --no-recovery' : ''}`;
  return save(steps);
};
/**
 * The command line that takes the snapshot. `snapctl take` runs its own command only in the live timeline; in the
 * restored timeline it ends. That command, the saver, waits for a line in the FIFO `go` and then saves the image, rolls
 * back or commits. It has opened the FIFO before it says who it is: a line that nobody has open for reading is lost.
 */
const take = (steps: LiveSteps): string =>
  `mkdir -p ${FOLDER}/store && rm -f ${FOLDER}/go ${FOLDER}/saver ${FOLDER}/said ${FOLDER}/ended && mkfifo ${FOLDER}/go && exec snapctl take ${steps.store === 'memory' ? '' : `-c /dev/${COW_VOLUME} `}sh -c 'exec 3<> ${FOLDER}/go; echo $$ > ${FOLDER}/saver; { read _ <&3; exec 3<&-; ${endOf(steps)}; } > ${FOLDER}/said 2>&1; echo $? > ${FOLDER}/ended'`;
/** Fails when the saver has been killed. Until it says who it is, it has only been started. */
const IS_SAVER_ALIVE = `{ [ ! -s ${FOLDER}/saver ] || kill -0 $(cat ${FOLDER}/saver) 2> /dev/null; }`;
const SAVER_DEAD = `{ cat ${FOLDER}/said 2> /dev/null; echo the program that saves the image has been killed; exit 1; }`;
/** Makes the saver save the image, once it listens. It may be killed before; then `snapctl take` has ended, too. */
const CONTINUE_COMMAND = `while [ ! -s ${FOLDER}/saver ] && pidof snapctl > /dev/null; do sleep 0.05; done; [ -s ${FOLDER}/saver ] && ${IS_SAVER_ALIVE} || ${SAVER_DEAD}; echo 1<> ${FOLDER}/go`;
const AWAIT_SAVED_COMMAND = `until [ -s ${FOLDER}/ended ]; do ${IS_SAVER_ALIVE} || [ -s ${FOLDER}/ended ] || ${SAVER_DEAD}; sleep 0.1; done; cat ${FOLDER}/said; exit $(cat ${FOLDER}/ended)`;

/** The commands and options of the live timeline. */
export type LiveSteps = Pick<
  Extract<Step, { do: 'suspend' }>,
  'beforeSaving' | 'whileSaving' | 'store' | 'mayWrite' | 'compress' | 'keep' | 'then' | 'command'
>;

/** Numbers of the parts of a live timeline that the rig drives. */
export interface LiveParts {
  /** Of the first command of `beforeSaving`, which is the first part. */
  readonly beforeSaving: 1;
  /** The image is saved, or the live timeline is rolled back or committed. */
  readonly end: number;
  /** Of the first command of `whileSaving`. */
  readonly whileSaving: number;
  /** Only where the image is saved. */
  readonly powerOff: number;
}

export function livePartsOf({
  beforeSaving = [],
  whileSaving,
}: Pick<LiveSteps, 'beforeSaving' | 'whileSaving'>): LiveParts {
  const end = beforeSaving.length + 1;
  return { beforeSaving: 1, end, whileSaving: end + 1, powerOff: end + 1 + whileSaving.length };
}

/** What the driver of a live timeline needs. */
export interface LiveDeps {
  /** Virtual time until the machine is off, without the commands of the plan; if the plan sets one. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly matcher: Matcher;
  /** Gets each command and finding immediately, so that none is lost when the machine fails later. */
  readonly evidence: Evidence;
  readonly virtualMs: CommandSite['virtualMs'];
  /** Called before each part of the live timeline, which begins when the promise resolves. `part`: see {@link livePartsOf}. */
  readonly pause: (next: string, part: number) => Promise<void>;
  /** Called when the live timeline has begun, with the memory that was captured at the copy. */
  readonly onCopy: (ram: RamCopy | undefined) => void;
  /** Called before the live timeline ends. */
  readonly beforeEnd: (live: Agent) => Promise<void>;
}

/**
 * Takes a snapshot. The live timeline runs `beforeSaving`, then `whileSaving` while it saves the image, and powers off.
 * `agent` keeps its state of the copy, for the restored timeline. `copyRam`: capture RAM at the copy.
 * @throws Refused when the kernel refuses, PowerCut when a planned cut comes before the end, GuestError when the live
 *   timeline does not save its image or does not power off.
 */
export async function snapshotAndPowerOff(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  deps: LiveDeps,
): Promise<SuspendResult> {
  const awaited = 'the live timeline to power off';
  if (steps.command !== undefined) return awaitOwnEnd(recorder, agent, steps, copyRam, deps, awaited);
  const begun = await beginLiveTimeline(recorder, agent, steps, copyRam, deps);
  const { atCopy, job, live, bound, runAll } = begun;
  const parts = livePartsOf(steps);
  await deps.pause('save the image', parts.end);
  await tellSaver(begun, recorder);
  await runAll(steps.whileSaving, parts.whileSaving);
  await awaitSaver(begun, recorder, 'the image of the snapshot was not saved');
  await deps.pause('power off', parts.powerOff);
  await deps.beforeEnd(live);
  const off = await bound.during((virtualMsMax) => live.powerOff({ virtualMsMax }));
  if (off.why !== 'halted') {
    const what = `awaited ${awaited}, but it stopped for another reason (${off.why})`;
    const details = { consoleTail: consoleTail(recorder.seen().console), remedy: 'the console says why' };
    throw off.why === 'powerCut' ? new PowerCut(what, details) : new GuestError(what, details);
  }
  return { atCopy, job };
}

/**
 * Has the command of the plan take the snapshot, and awaits the end that it gives to its live timeline: a stop of
 * `triggers`, or without any, that the machine is off. Nothing else is asked of the live timeline, which may end at any
 * time.
 */
async function awaitOwnEnd(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  { timeoutMs, signal }: LiveDeps,
  awaited: string,
  triggers: readonly ArmedTrigger[] = [],
): Promise<SuspendResult> {
  const bound = new Bound('suspend', recorder, timeoutMs);
  const forked = await forkTimelines(recorder, agent, steps, copyRam, bound, signal);
  await bound.during(async (virtualMsMax) => {
    const report = await recorder.machine.run({ triggers, virtualMsMax });
    if (report.reason.why !== (triggers.length === 0 ? 'halted' : 'trigger'))
      throw unexpectedStop(awaited, report, recorder.seen(), signal);
  });
  return forked;
}

/** Has the saver of a live timeline do its work. */
async function tellSaver({ live, bound }: LiveTimeline, recorder: Recorder): Promise<void> {
  const told = await bound.during((virtualMsMax) => live.exec(shell(CONTINUE_COMMAND), { virtualMsMax }));
  if (told.ended !== 'exited' || told.exitCode !== 0)
    throw notDone('the live timeline could not be told to save its image', told, recorder);
}

/** @throws GuestError that begins with `what`, when the saver fails. */
async function awaitSaver({ live, bound }: LiveTimeline, recorder: Recorder, what: string): Promise<void> {
  const done = await bound.during((virtualMsMax) => live.exec(shell(AWAIT_SAVED_COMMAND), { virtualMsMax }));
  if (done.ended !== 'exited' || done.exitCode !== 0) throw notDone(what, done, recorder);
}

/** The result of a snapshot whose live timeline was given up. */
export interface RollbackResult extends SuspendResult {
  /** The first instruction of the restored kernel. */
  readonly restored: RamAt;
}

/**
 * Takes a snapshot and goes back to it, in the same machine, until the restored tasks run. `agent` keeps its state of
 * the copy. `copyRam`: capture RAM at the copy and right after the rollback.
 * @throws Refused when the kernel refuses, PowerCut when a planned cut comes before the end, GuestError when the
 *   machine does not go back.
 */
export async function snapshotAndRollBack(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  deps: LiveDeps,
): Promise<RollbackResult> {
  const awaited = 'the machine to go back to the snapshot';
  const triggers = [...copyRamAt(stepEnd('restore'), copyRam), stopAt(stepEnd('thawTasks'))];
  if (steps.command !== undefined) {
    const own = await awaitOwnEnd(recorder, agent, steps, copyRam, deps, awaited, triggers);
    return { ...own, restored: ramAt(stepEnd('restore'), recorder) };
  }
  const { atCopy, job, live, bound } = await beginLiveTimeline(recorder, agent, steps, copyRam, deps);
  await deps.pause('roll back', livePartsOf(steps).end);
  await deps.beforeEnd(live);
  // The two commands tell of a rollback that is refused. Either may be running when the machine goes back.
  let end = await bound.during((virtualMsMax) => live.exec(shell(CONTINUE_COMMAND), { virtualMsMax, triggers }));
  if (end.ended === 'exited' && end.exitCode === 0)
    end = await bound.during((virtualMsMax) => live.exec(shell(AWAIT_SAVED_COMMAND), { virtualMsMax, triggers }));
  if (end.ended !== 'stopped') throw notDone(`awaited ${awaited}, but the live timeline went on`, end, recorder);
  return { atCopy, job, restored: ramAt(stepEnd('restore'), recorder) };
}

/** The result of a snapshot whose live timeline has become the only one. */
export interface CommitResult extends SuspendResult {
  /** The agent of the timeline that goes on. */
  readonly live: Agent;
}

/**
 * Takes a snapshot and commits its live timeline, which goes on.
 * @throws Refused when the kernel refuses, PowerCut when a planned cut comes before the end, GuestError when the
 *   commit fails.
 */
export async function snapshotAndCommit(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  deps: LiveDeps,
): Promise<CommitResult> {
  const begun = await beginLiveTimeline(recorder, agent, steps, false, deps);
  const { atCopy, job, live, runAll } = begun;
  const parts = livePartsOf(steps);
  await deps.pause('commit', parts.end);
  await tellSaver(begun, recorder);
  await runAll(steps.whileSaving, parts.whileSaving);
  await awaitSaver(begun, recorder, 'the live timeline was not committed');
  return { atCopy, job, live };
}

/** The live timeline after its first commands. */
interface LiveTimeline extends SuspendResult {
  readonly live: Agent;
  readonly bound: Bound;
  /** `part`: number of the first of `steps`; see {@link livePartsOf}. */
  readonly runAll: (steps: readonly CommandStep[], part: number) => Promise<void>;
}

async function beginLiveTimeline(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  deps: LiveDeps,
): Promise<LiveTimeline> {
  const { timeoutMs, signal } = deps;
  const bound = new Bound('suspend', recorder, timeoutMs);
  const { atCopy, job } = await forkTimelines(recorder, agent, steps, copyRam, bound, signal);
  const live = new Agent(recorder.machine, { ...(signal && { signal }) });
  await bound.during((virtualMsMax) => live.connect({ virtualMsMax }));
  deps.onCopy(atCopy.ram);
  const runAll = liveRunner(live, deps);
  await runAll(steps.beforeSaving ?? [], livePartsOf(steps).beforeSaving);
  return { atCopy, job, live, bound, runAll };
}

/** Has the snapshot taken, until the call returns in the live timeline. */
async function forkTimelines(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  bound: Bound,
  signal: AbortSignal | undefined,
): Promise<SuspendResult> {
  const toCopyEnd = [stopAt(stepEnd('copy')), ...copyRamAt(stepBegin('copy'), copyRam)];
  const job = await runToCopy(recorder, agent, steps, toCopyEnd, bound);
  for (let again = true; again;) {
    const returned = await bound.during(async (virtualMsMax) => {
      const report = await recorder.machine.run({
        triggers: [stopAt(stepEnd('call')), ...toCopyEnd],
        virtualMsMax,
      });
      if (report.reason.why === 'trigger') return report.reason.index;
      throw unexpectedStop('the snapshot to return in the live timeline', report, recorder.seen(), signal);
    });
    // If the image leaves too little memory, the kernel frees more and copies again. The last copy counts.
    again = returned === 1;
  }
  const call = recorder.seen().markers.findLast(({ kind }) => kind === stepEnd('call'));
  // The second word of a step's end is an error number; 0 means no error.
  if (call?.word1 !== 0)
    throw refusedOrStopped(
      'the snapshot failed after the copy',
      await bound.during((virtualMsMax) => agent.wait(job, { virtualMsMax })),
      recorder,
    );
  return { atCopy: ramAt(stepBegin('copy'), recorder), job };
}

/**
 * Runs lists of commands in the live timeline. After a command without `continue` fails, no other is run. The restored
 * timeline does not depend on them.
 */
function liveRunner(live: Agent, { matcher, evidence, virtualMs, pause }: LiveDeps): LiveTimeline['runAll'] {
  const site: CommandSite = {
    agent: live,
    timeline: 'live',
    virtualMs,
    note: (command) => evidence.addCommand(command),
  };
  let over = false;
  return async (steps, part) => {
    for (const [index, step] of steps.entries()) {
      if (over) {
        evidence.skip('live', `run ${step.command}`);
        continue;
      }
      await pause(`run ${step.command}`, part + index);
      const end = await runCommand(site, step.command, step.timeoutMs);
      const wrong = await judgeCommand(step, end, matcher);
      evidence.addFindings(wrong.map((found) => ({ ...found, what: `in the live timeline: ${found.what}` })));
      over = wrong.length > 0 && step.continue !== true;
    }
  };
}

/**
 * The instruction from which on the last call, if it was snapshot(2), lets nothing be written to a device but swap; undefined
 * otherwise. When all filesystems have been frozen, devices are synced once more: one that is being frozen may write to the page
 * cache of a device below, a loop device on a partition for example. Memory is preserved right after that.
 */
export function frozenSince(markers: readonly MarkerSeen[]): number | undefined {
  const call = markers.findLastIndex(({ kind }) => kind === stepBegin('call'));
  const frozen = markers.findLastIndex(({ kind }) => kind === stepEnd('freezeFilesystems'));
  if (frozen < 0 || frozen < call) return undefined;
  const since = markers.slice(frozen).find(({ kind }) => kind === stepBegin('preserve')) ?? markers[frozen];
  return since?.instruction;
}

const stopAt = (kind: number): ArmedTrigger => ({ when: { on: 'marker', kind }, then: { do: 'stop' } });

/**
 * Runs to the end of the first copy, where interrupts are off. The two timelines separate there, unless the kernel
 * copies again.
 */
async function runToCopy(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  triggers: readonly ArmedTrigger[],
  bound: Bound,
): Promise<Job> {
  const end = await bound.during((virtualMsMax) =>
    agent.exec(shell(steps.command ?? take(steps)), { virtualMsMax, triggers }),
  );
  if (end.ended === 'stopped') return end.job;
  throw refusedOrStopped('the kernel refused to take a snapshot', end, recorder);
}

/** The error for a command of the rig that did not succeed: {@link PowerCut} when power was cut before its end. */
function notDone(what: string, end: JobResult, recorder: Recorder): GuestError {
  const details = {
    consoleTail: [...consoleTail(recorder.seen().console), ...outputLines(resultOf(end))],
    remedy: 'the console says why',
  };
  return end.ended === 'powerCut' ? new PowerCut(what, details) : new GuestError(what, details);
}
