// SPDX-License-Identifier: MIT
/** The same verified cycle in each engine, as data and as text. */
import type { MachineOptions } from '../../../emulator/cycle/plan.js';
import { phases } from '../phases.js';
import { ratio, summarize, type Ratio, type Summary } from '../statistics.js';
import { indent, quotient, renderTable, seconds } from '../table.js';
import { aimText, judge, type Verdict } from '../verdict.js';
import { PHASES, type CycleSample, type Phase } from '../workload.js';

/** A verified cycle in v86, hot from the state before the suspend, over one in QEMU on one processor from power-on. */
export const ENGINES_AIM = { atMost: 0.5 } as const;

/** The machines that go through the cycle. */
export const ENGINE_MACHINES = {
  v86: { engine: 'v86', arch: 'i386', processors: 1 },
  qemu: { engine: 'qemu', arch: 'x86_64', processors: 1 },
  qemuOnTwo: { engine: 'qemu', arch: 'x86_64', processors: 2 },
} as const satisfies Record<string, Pick<MachineOptions, 'engine' | 'arch' | 'processors'>>;
export type EngineMachine = keyof typeof ENGINE_MACHINES;

/** v86 from the state before the suspend and from that after boot; QEMU from power-on. */
export const ENGINE_CONTENDERS = ['hotAtSuspend', 'hot', 'qemu', 'qemuOnTwo'] as const;
export type EngineContender = (typeof ENGINE_CONTENDERS)[number];

export type EngineSamples = Readonly<Record<EngineContender, readonly CycleSample[]>>;

export interface EnginesResult {
  /** In ms of the host. */
  readonly wholeMs: Readonly<Record<EngineContender, Summary>>;
  readonly phasesMs: Readonly<Record<EngineContender, Readonly<Record<Phase, Summary>>>>;
  /** Each over QEMU on one processor. */
  readonly overQemu: Readonly<Record<EngineContender, Ratio>>;
  /** From the state before the suspend, over QEMU from power-on. */
  readonly verdict: Verdict;
  /** The same with the work done by both, and QEMU's boot not counted. */
  readonly hotOverQemuWithoutBoot: Ratio;
}

export function enginesResult(samples: EngineSamples): EnginesResult {
  const ms = (of: EngineContender): readonly number[] => samples[of].map(({ times }) => times.ms);
  const each = <T>(value: (of: EngineContender) => T): Readonly<Record<EngineContender, T>> =>
    Object.fromEntries(ENGINE_CONTENDERS.map((of) => [of, value(of)])) as Record<EngineContender, T>;
  return {
    wholeMs: each((of) => summarize(ms(of))),
    phasesMs: each((of) => phases(samples[of])),
    overQemu: each((of) => ratio(ms(of), ms('qemu'))),
    verdict: judge(ratio(ms('hotAtSuspend'), ms('qemu')), ENGINES_AIM),
    hotOverQemuWithoutBoot: ratio(
      ms('hot'),
      samples.qemu.map(({ times }) => times.ms - times.phases.boot),
    ),
  };
}

const TITLES: Readonly<Record<EngineContender, string>> = {
  hotAtSuspend: 'v86, hot, from the state before the suspend',
  hot: 'v86, hot, from the state after boot',
  qemu: 'QEMU, one processor, from power-on',
  qemuOnTwo: 'QEMU, two processors, from power-on',
};

export function renderEngines({ wholeMs, phasesMs, overQemu, verdict, hotOverQemuWithoutBoot }: EnginesResult): string {
  const rows = ENGINE_CONTENDERS.map((of) => [TITLES[of], seconds(wholeMs[of]), quotient(overQemu[of])]);
  return [
    'Engines: boot, read 16 MiB of files into RAM, snapshot(2), save, power off, resume, verify all proofs, check what was read',
    indent(renderTable(['', 'time', 'over QEMU'], rows)),
    indent(
      [
        `v86 from the state before the suspend over QEMU from power-on ${verdict.ratio.ofMedians.toFixed(3)}, ${aimText(verdict.aim, verdict.ratio.ofMedians)}`,
        `v86 from the state after boot over QEMU, its boot not counted, ${quotient(hotOverQemuWithoutBoot)}`,
        ...PHASES.map(
          (phase) =>
            `  ${phase.padEnd(8)} ${ENGINE_CONTENDERS.map((of) => `${of} ${seconds(phasesMs[of][phase])}`).join(', ')}`,
        ),
        '',
        'One driver runs the same steps in each, with the same proofs of memory, image, disks and filesystems. The guests differ: i386 in',
        'v86, x86_64 in QEMU, each with its own kernel and programs. v86 is hot: compiled code and checkpoints are in memory, so it neither',
        "boots nor does the work again before the suspend. In QEMU each cycle begins with power-on. QEMU's guest time is the",
        "host's, so a busy host slows its timers, too; v86 skips the time in which the guest waits.",
      ].join('\n'),
    ),
  ].join('\n');
}
