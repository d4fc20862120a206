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
import { judgeCommand, outputLines, resultOf, runUnlessCut, shell, type CommandResult } from './commands.js';
import type { Finding } from './outcome.js';
import type { Matcher } from './pattern.js';
import type { CommandStep, Step } from './plan.js';
import { copyRamAt, ramAt } from './ram-at.js';
import type { ArmedTrigger, Recorder } from './recorder.js';
import { consoleTail, unexpectedStop } from './stop.js';
import type { WentOff } from './swsusp.js';

/** The volumes that the live timeline may write: its changes to everything mounted before, and the image. */
export const storesOf = (store: LiveSteps['store']): readonly string[] =>
  store === 'memory' ? ['sdb3'] : ['sdb1', 'sdb3'];

/** Path of the image on the filesystem of sdb3. */
export const SNAPSHOT_IMAGE = '/snapshot';

/** What the initramfs must be told to look for it. */
export const SNAPSHOT_CMDLINE = `rig.image=/dev/sdb3:${SNAPSHOT_IMAGE}`;

/** Virtual time within which the call must return, and the image must be saved. */
const CALL_MS_MAX = 60_000;
const SAVE_MS_MAX = 300_000;
const OFF_MS_MAX = 60_000;

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

export interface LivedOn extends WentOff {
  /** What was asked of the live timeline while it saved its image, and what is wrong with it. */
  readonly commands: readonly (CommandResult & { readonly command: string })[];
  readonly findings: readonly Finding[];
}

/**
 * Takes a snapshot and lets the live timeline run `beforeSaving`, then `whileSaving` while it saves the image, until it is off. `agent`
 * stays where it was at the copy, for the restored timeline; 'powerCut' when a planned cut came before the end. `copyRam`: whether
 * RAM is wanted as it is at the copy.
 * @throws GuestError when the kernel refuses, or the live timeline does not bring its image home.
 */
export async function snapshotAndGoOff(
  recorder: Recorder,
  agent: Agent,
  steps: LiveSteps,
  copyRam: boolean,
  { signal, matcher }: { readonly signal: AbortSignal | undefined; readonly matcher: Matcher },
): Promise<LivedOn | 'powerCut'> {
  const toCopyEnd = [stopAt(stepEnd('copy')), ...copyRamAt(stepBegin('copy'), copyRam)];
  const job = await toTheCopy(recorder, agent, steps, toCopyEnd);
  if (job === 'powerCut') return job;
  for (let again = true; again;) {
    const returned = await recorder.machine.run({
      triggers: [stopAt(stepEnd('call')), ...toCopyEnd],
      virtualMsMax: CALL_MS_MAX,
    });
    if (returned.reason.why === 'powerCut') return 'powerCut';
    if (returned.reason.why !== 'trigger')
      throw unexpectedStop('the snapshot to return in the live timeline', returned, recorder.seen(), signal);
    // The kernel may find that the image leaves too little memory, and try again with more: the last copy counts.
    again = returned.reason.index === 1;
  }
  const call = recorder.seen().markers.findLast(({ kind }) => kind === stepEnd('call'));
  // The second word of a step's end is an error number, none as 0.
  if (call?.word1 !== 0)
    throw refused('the snapshot failed after the copy', outputLines(resultOf(await agent.wait(job))), recorder);
  const atCopy = ramAt(stepBegin('copy'), recorder);

  const live = new Agent(recorder.machine, { ...(signal && { signal }) });
  await live.connect();
  const commands: LivedOn['commands'][number][] = [];
  const findings: Finding[] = [];
  const runAll = async (steps: readonly CommandStep[]): Promise<'powerCut' | undefined> => {
    for (const step of steps) {
      const result = await runUnlessCut(live, step.command, step.timeoutMs);
      if (result === 'powerCut') return result;
      commands.push({ command: step.command, ...result });
      const wrong = await judgeCommand(step, result, matcher);
      findings.push(...wrong.map((found) => ({ ...found, what: `in the live timeline: ${found.what}` })));
    }
    return undefined;
  };
  if ((await runAll(steps.beforeSaving ?? [])) === 'powerCut') return 'powerCut';
  if ((await runUnlessCut(live, GO, CALL_MS_MAX)) === 'powerCut') return 'powerCut';
  if ((await runAll(steps.whileSaving)) === 'powerCut') return 'powerCut';
  const saved = await live.exec(shell(AWAIT_SAVED), { virtualMsMax: SAVE_MS_MAX });
  if (saved.ended === 'powerCut') return 'powerCut';
  if (saved.ended !== 'exited' || saved.exitCode !== 0)
    throw refused('the image of the snapshot was not saved', outputLines(resultOf(saved)), recorder);
  const off = await live.powerOff({ virtualMsMax: OFF_MS_MAX });
  if (off.why === 'powerCut') return 'powerCut';
  if (off.why !== 'halted')
    throw refused(`awaited the live timeline to power off, but it stopped otherwise (${off.why})`, [], recorder);
  return { atCopy, job, commands, findings };
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
): Promise<Job | 'powerCut'> {
  const end = await agent.exec(shell(take(steps)), { virtualMsMax: CALL_MS_MAX, triggers });
  if (end.ended === 'powerCut') return 'powerCut';
  if (end.ended === 'stopped') return end.job;
  throw refused('the kernel refused to take a snapshot', outputLines(resultOf(end)), recorder);
}

function refused(what: string, said: readonly string[], recorder: Recorder): GuestError {
  return new GuestError(what, {
    consoleTail: [...consoleTail(recorder.seen().console), ...said],
    remedy: 'the console says why',
  });
}
