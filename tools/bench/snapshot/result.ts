// SPDX-License-Identifier: MIT
/** What sys_snapshot is worth beside swsusp, as data and as text. */
import type { SuspendMethod } from '../../../emulator/cycle/plan.js';
import { ratio, summarize, type Summary } from '../statistics.js';
import { indent, quotient, renderTable, seconds } from '../table.js';
import { aimText, judge, meets, type Aim, type Verdict } from '../verdict.js';
import type { CycleSample } from '../workload.js';
import type { Capacity, Figures } from './measure.js';

export const SNAPSHOT_AIMS = {
  /** Time that userspace stands still, sys_snapshot over swsusp. */
  frozen: { atMost: 0.05 },
  /** Anonymous memory of one program, in per cent of RAM. */
  share: { atLeast: 85 },
  /** A verified hot cycle by sys_snapshot over QEMU's stock cycle. */
  cycle: { atMost: 0.2 },
} as const;

export type PerMethod<T> = Readonly<Record<SuspendMethod, T>>;

/** A quotient of two exact numbers against its aim. */
export interface ExactVerdict {
  readonly value: number;
  readonly aim: Aim;
  readonly met: boolean;
}

export interface SnapshotResult {
  readonly figures: PerMethod<Figures>;
  readonly capacity: PerMethod<Capacity>;
  readonly bytesPerInstruction: PerMethod<number>;
  /** sys_snapshot over swsusp. */
  readonly frozen: { readonly virtualMs: ExactVerdict; readonly instructions: ExactVerdict };
  readonly share: ExactVerdict;
  readonly hotMs: Summary;
  readonly qemuMs: Summary;
  /** Processor time of each cycle. */
  readonly cpuMs: { readonly hot: Summary; readonly qemu: Summary };
  /** Hot over QEMU. */
  readonly cycle: Verdict;
}

export interface SnapshotSamples {
  readonly figures: PerMethod<Figures>;
  readonly capacity: PerMethod<Capacity>;
  readonly hot: readonly CycleSample[];
  readonly qemu: readonly CycleSample[];
}

export function snapshotResult({ figures, capacity, hot, qemu }: SnapshotSamples): SnapshotResult {
  const { swsusp, sys_snapshot: snapshot } = figures;
  const ms = (samples: readonly CycleSample[]): readonly number[] => samples.map(({ times }) => times.ms);
  const cpu = (samples: readonly CycleSample[]): Summary => summarize(samples.map(({ cpuMs }) => cpuMs));
  const frozen = (of: keyof Figures['frozen']): ExactVerdict => exact(snapshot.frozen[of] / swsusp.frozen[of], SNAPSHOT_AIMS.frozen);
  const rate = ({ imageBytes, saveInstructions }: Figures): number => imageBytes / saveInstructions;
  return {
    figures,
    capacity,
    bytesPerInstruction: { swsusp: rate(swsusp), sys_snapshot: rate(snapshot) },
    frozen: { virtualMs: frozen('virtualMs'), instructions: frozen('instructions') },
    share: exact(capacity.sys_snapshot.share ?? 0, SNAPSHOT_AIMS.share),
    hotMs: summarize(ms(hot)),
    qemuMs: summarize(ms(qemu)),
    cpuMs: { hot: cpu(hot), qemu: cpu(qemu) },
    cycle: judge(ratio(ms(hot), ms(qemu)), SNAPSHOT_AIMS.cycle),
  };
}

const exact = (value: number, aim: Aim): ExactVerdict => ({ value, aim, met: meets(aim, value) });

export function renderSnapshot(result: SnapshotResult, memoryMiB: number): string {
  const { figures, capacity, bytesPerInstruction, frozen, share, hotMs, qemuMs, cpuMs, cycle } = result;
  const row = (what: string, of: (method: SuspendMethod) => string): string[] => [what, of('swsusp'), of('sys_snapshot')];
  const rows = [
    row('userspace stands still, virtual time', (method) => `${figures[method].frozen.virtualMs.toFixed(0)} ms`),
    row('userspace stands still, instructions', (method) => millions(figures[method].frozen.instructions)),
    row('image', (method) => `${(figures[method].imageBytes / 1e6).toFixed(1)} MB`),
    row('instructions from the call to its last write', (method) => millions(figures[method].saveInstructions)),
    row('image bytes per instruction', (method) => bytesPerInstruction[method].toFixed(3)),
    row('largest program without swap, of RAM', (method) => (capacity[method].share === undefined ? 'none' : `${capacity[method].share} %`)),
  ];
  const beyond = (['swsusp', 'sys_snapshot'] as const).flatMap((method) => {
    const { beyond: why } = capacity[method];
    return why === undefined ? [] : [`  with 1 % more, ${method}: ${why}`];
  });
  return [
    `Snapshot: sys_snapshot against swsusp on one workload: one program's own memory is half of ${memoryMiB} MiB, filled with the system's files`,
    indent(renderTable(['', 'swsusp', 'sys_snapshot'], rows)),
    indent(
      [
        `userspace stands still, sys_snapshot over swsusp: virtual time ${verdict(frozen.virtualMs)}; instructions ${verdict(frozen.instructions)}`,
        `largest program that sys_snapshot saves without swap: ${share.value} % of RAM, ${aimText(share.aim, share.value)}`,
        ...beyond,
        `verified hot cycle by sys_snapshot ${seconds(hotMs)}, QEMU TCG's stock cycle ${seconds(qemuMs)}: ${quotient(cycle.ratio)}, ${aimText(cycle.aim, cycle.ratio.ofMedians)}`,
        `processor time: hot ${seconds(cpuMs.hot)}, QEMU ${seconds(cpuMs.qemu)}`,
        '',
        'Counted in the guest, so the same on every host, but for the last two lines. Standing still: of swsusp from the freeze of the',
        'tasks to power-off and from power-on to their thaw, the resuming boot included; of sys_snapshot from the freeze to the thaw in the',
        'live timeline. swsusp may swap to make room, and does; for the largest program its memory is locked (swsusp keeps its image',
        'in swap), or swap is off (sys_snapshot), and it must come back whole. The image is counted as the kernel hands it out, before snapctl compresses it.',
        'The cycle is that of the stock cycle, by sys_snapshot, from the state before the suspend, with all of memory, image, disks and',
        'filesystems verified, which QEMU does not do.',
      ].join('\n'),
    ),
  ].join('\n');
}

const verdict = ({ value, aim }: ExactVerdict): string => `${value.toFixed(3)} (1/${(1 / value).toFixed(1)}), ${aimText(aim, value)}`;
const millions = (count: number): string => `${(count / 1e6).toFixed(1)} M`;
