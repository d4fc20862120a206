// SPDX-License-Identifier: MIT
/** The comparison of sys_snapshot and swsusp, as data and as text. */
import type { SuspendMethod } from '../../../emulator/cycle/plan.js';
import { ratio, summarize, type Summary } from '../statistics.js';
import { indent, quotient, renderTable, seconds } from '../table.js';
import { phases } from '../phases.js';
import { aimText, judge, meets, type Aim, type Verdict } from '../verdict.js';
import { PHASES, type CycleSample, type Phase } from '../workload.js';
import {
  COMMIT_STORES,
  STORE_TEXT,
  type Capacity,
  type CommitFigures,
  type CommitStore,
  type Figures,
  type RollbackFigures,
} from './measure.js';

export const SNAPSHOT_AIMS = {
  /** Time that userspace stands still, sys_snapshot over swsusp. */
  frozen: { atMost: 0.05 },
  /** Anonymous memory of one program, in per cent of RAM, in the largest of the machines. */
  share: { atLeast: 85 },
  /** A verified hot cycle by sys_snapshot over QEMU's stock cycle. */
  cycle: { atMost: 0.2 },
  /** Virtual time until the call returns again, by a rollback over by a resume. */
  rollback: { atMost: 0.1 },
  /** Time that userspace stands still, for a rollback over for a snapshot. */
  rollbackStandstill: { atMost: 3 },
  /** Share of RAM that is held for a rollback. */
  rollbackHeld: { atMost: 0.015 },
} as const;

/**
 * RAM of the machines for which the largest program is searched, in MiB. Kernel and system use the same amount in each,
 * about 20 MiB, so the aim applies to the larger machine.
 */
export const CAPACITY_MIB = [256, 512] as const;

/** The largest program in a machine of that much RAM. */
export interface CapacityAt {
  readonly memoryMiB: number;
  readonly of: PerMethod<Capacity>;
}

export type PerMethod<T> = Readonly<Record<SuspendMethod, T>>;

/** A quotient of two exact numbers against its aim. */
export interface ExactVerdict {
  readonly value: number;
  readonly aim: Aim;
  readonly met: boolean;
}

export interface SnapshotResult {
  readonly figures: PerMethod<Figures>;
  readonly capacity: readonly CapacityAt[];
  readonly bytesPerInstruction: PerMethod<number>;
  /** sys_snapshot over swsusp. */
  readonly frozen: { readonly virtualMs: ExactVerdict; readonly instructions: ExactVerdict };
  readonly share: ExactVerdict;
  readonly rollback: RollbackFigures;
  readonly rollbackOver: {
    readonly resume: ExactVerdict;
    readonly snapshotStandstill: ExactVerdict;
    readonly memory: ExactVerdict;
  };
  readonly commit: Readonly<Record<CommitStore, CommitFigures>>;
  /** A verified hot cycle with the image saved as it is, the same with the image compressed, QEMU's stock cycle. */
  readonly cycleMs: Readonly<Record<SnapshotContender, Summary>>;
  /** Where the time goes. */
  readonly phasesMs: Readonly<Record<SnapshotContender, Readonly<Record<Phase, Summary>>>>;
  /** Processor time of each cycle. */
  readonly cpuMs: Readonly<Record<SnapshotContender, Summary>>;
  /** Hot over QEMU. */
  readonly cycle: Verdict;
}

export const SNAPSHOT_CONTENDERS = ['hot', 'hotCompressed', 'qemu'] as const;
export type SnapshotContender = (typeof SNAPSHOT_CONTENDERS)[number];

export interface SnapshotSamples extends Readonly<Record<SnapshotContender, readonly CycleSample[]>> {
  readonly figures: PerMethod<Figures>;
  readonly capacity: readonly CapacityAt[];
  readonly rollback: RollbackFigures;
  readonly commit: Readonly<Record<CommitStore, CommitFigures>>;
}

export function snapshotResult({ figures, capacity, rollback, commit, ...samples }: SnapshotSamples): SnapshotResult {
  const { swsusp, sys_snapshot: snapshot } = figures;
  const ms = (of: SnapshotContender): readonly number[] => samples[of].map(({ times }) => times.ms);
  const perContender = <T>(value: (of: SnapshotContender) => T): Readonly<Record<SnapshotContender, T>> =>
    Object.fromEntries(SNAPSHOT_CONTENDERS.map((of) => [of, value(of)])) as Record<SnapshotContender, T>;
  const frozen = (of: keyof Figures['frozen']): ExactVerdict =>
    exact(snapshot.frozen[of] / swsusp.frozen[of], SNAPSHOT_AIMS.frozen);
  const rate = ({ imageBytes, saveInstructions }: Figures): number => imageBytes / saveInstructions;
  return {
    figures,
    capacity,
    bytesPerInstruction: { swsusp: rate(swsusp), sys_snapshot: rate(snapshot) },
    frozen: { virtualMs: frozen('virtualMs'), instructions: frozen('instructions') },
    share: exact(capacity.at(-1)?.of.sys_snapshot.share ?? 0, SNAPSHOT_AIMS.share),
    rollback,
    rollbackOver: {
      resume: exact(rollback.rollbackMs / rollback.resumeMs, SNAPSHOT_AIMS.rollback),
      snapshotStandstill: exact(
        rollback.standstillMs / rollback.snapshotStandstillMs,
        SNAPSHOT_AIMS.rollbackStandstill,
      ),
      memory: exact(rollback.heldPages / rollback.memoryPages, SNAPSHOT_AIMS.rollbackHeld),
    },
    commit,
    cycleMs: perContender((of) => summarize(ms(of))),
    phasesMs: perContender((of) => phases(samples[of])),
    cpuMs: perContender((of) => summarize(samples[of].map(({ cpuMs }) => cpuMs))),
    cycle: judge(ratio(ms('hot'), ms('qemu')), SNAPSHOT_AIMS.cycle),
  };
}

const exact = (value: number, aim: Aim): ExactVerdict => ({ value, aim, met: meets(aim, value) });

export function renderSnapshot(result: SnapshotResult, memoryMiB: number): string {
  const { figures, capacity, bytesPerInstruction, frozen, share, cycleMs, phasesMs, cpuMs, cycle } = result;
  const { rollback, rollbackOver, commit } = result;
  const row = (what: string, of: (method: SuspendMethod) => string): string[] => [
    what,
    of('swsusp'),
    of('sys_snapshot'),
  ];
  const rows = [
    row('userspace stands still, virtual time', (method) => `${figures[method].frozen.virtualMs.toFixed(0)} ms`),
    row('userspace stands still, instructions', (method) => millions(figures[method].frozen.instructions)),
    row('image', (method) => `${(figures[method].imageBytes / 1e6).toFixed(1)} MB`),
    row('instructions from the call to its last write', (method) => millions(figures[method].saveInstructions)),
    row('image bytes per instruction', (method) => bytesPerInstruction[method].toFixed(3)),
    ...capacity.map(({ memoryMiB: of, of: each }) =>
      row(`largest program without swap, of ${of} MiB`, (method) =>
        each[method].share === undefined ? 'none' : `${each[method].share} %`,
      ),
    ),
  ];
  const beyond = capacity.flatMap(({ memoryMiB: of, of: each }) =>
    (['swsusp', 'sys_snapshot'] as const).flatMap((method) => {
      const { beyond: why } = each[method];
      return why === undefined ? [] : [`  with 1 % more of ${of} MiB, ${method}: ${why}`];
    }),
  );
  return [
    `Snapshot: sys_snapshot against swsusp on one workload: one program's own memory is half of ${memoryMiB} MiB, filled with the system's files`,
    indent(renderTable(['', 'swsusp', 'sys_snapshot'], rows)),
    indent(
      [
        `userspace stands still, sys_snapshot over swsusp: virtual time ${verdict(frozen.virtualMs)}; instructions ${verdict(frozen.instructions)}`,
        `largest program that sys_snapshot saves without swap: ${share.value} % of ${capacity.at(-1)?.memoryMiB ?? 0} MiB, ${aimText(share.aim, share.value)}`,
        ...beyond,
        `the call returns again ${rollback.rollbackMs.toFixed(0)} ms after the ioctl for a rollback, ${rollback.resumeMs.toFixed(0)} ms after power-on for a resume: ${verdict(rollbackOver.resume)}`,
        `  ${rollback.thawMs.toFixed(0)} ms of the rollback are the thaw of the filesystems, which waits for the reset of the disk`,
        `userspace stands still ${rollback.standstillMs.toFixed(0)} ms for a rollback, ${rollback.snapshotStandstillMs.toFixed(0)} ms for the snapshot: ${rollbackOver.snapshotStandstill.value.toFixed(2)}, ${aimText(rollbackOver.snapshotStandstill.aim, rollbackOver.snapshotStandstill.value)}`,
        `held for a rollback besides the copies: ${rollback.heldPages} of ${rollback.memoryPages} pages, ${verdict(rollbackOver.memory)}`,
        ...COMMIT_STORES.map((store) => commitText(store, commit[store])),
        `verified hot cycle by sys_snapshot ${seconds(cycleMs.hot)}, QEMU TCG's stock cycle ${seconds(cycleMs.qemu)}: ${quotient(cycle.ratio)}, ${aimText(cycle.aim, cycle.ratio.ofMedians)}`,
        `the same with the image compressed by snapctl, as it does unless told: ${seconds(cycleMs.hotCompressed)}`,
        ...PHASES.map(
          (phase) =>
            `  ${phase.padEnd(8)} hot ${seconds(phasesMs.hot[phase])}, compressed ${seconds(phasesMs.hotCompressed[phase])}, QEMU ${seconds(phasesMs.qemu[phase])}`,
        ),
        `processor time: hot ${seconds(cpuMs.hot)}, compressed ${seconds(cpuMs.hotCompressed)}, QEMU ${seconds(cpuMs.qemu)}`,
        '',
        'Counted in the guest, so the same on every host, but for the cycles and what follows them. Standing still: of swsusp from the freeze of the',
        'tasks to power-off and from power-on to their thaw, the resuming boot included; of sys_snapshot from the freeze to the thaw in the',
        'live timeline. swsusp may swap to make room, and does; for the largest program its memory is locked (swsusp keeps its image',
        'in swap), or swap is off (sys_snapshot), and it must come back whole. The image is counted as the kernel hands it out, before snapctl compresses it.',
        'After any resume of the devices, libata resets a disk, and gives it 150 ms for that before the first request. In the log of a rollback, "Starting',
        'disk" comes 156 ms after "Restarting tasks", and nothing in between. So no rollback is faster than the disk.',
        'dd reads as many bytes from the device of the store, as they are there. The store on a device is encrypted, in v86 by Adiantum, as there are',
        'no instructions for AES, and a commit decrypts what it merges. dd from a dm-crypt device with this cipher over the same partition copies',
        '13.3 MB/s (16 MiB, virtual time), and 0.9 GB/s without: no such commit is faster than the cipher.',
        'The cycle is that of the stock cycle, by sys_snapshot, from the state before the suspend, with all of memory, image, disks and',
        'filesystems verified, which QEMU does not do. What of that does not need the restored system is done while it comes back.',
      ].join('\n'),
    ),
  ].join('\n');
}

const commitText = (store: CommitStore, { bytes, commitMs, copyMs }: CommitFigures): string =>
  `a commit from a store ${STORE_TEXT[store]} merges ${perSecond(bytes, commitMs)}, dd copies ${perSecond(bytes, copyMs)}: ${(copyMs / commitMs).toFixed(2)} of its speed (${bytes / 2 ** 20} MiB, virtual time)`;
const verdict = ({ value, aim }: ExactVerdict): string =>
  `${value.toFixed(3)} (1/${(1 / value).toFixed(1)}), ${aimText(aim, value)}`;
const perSecond = (bytes: number, ms: number): string => `${(bytes / 1e3 / ms).toFixed(1)} MB/s`;
const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
