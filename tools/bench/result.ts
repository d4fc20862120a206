// SPDX-License-Identifier: MIT
/** The results of a benchmark run, as data (this is the JSON) and as text. */
import type { BootSample } from './boot.js';
import type { Differences, MemoryDiffSamples } from './memory-diff.js';
import { renderSnapshot, type SnapshotResult } from './snapshot/result.js';
import { renderWalks, type WalkResult } from './walk/result.js';
import { renderEngines, type EnginesResult } from './engines/result.js';
import { renderPage, type PageResult } from './page/result.js';
import { renderValidate, type ValidateResult } from './validate/result.js';
import { ratio, summarize, type Ratio, type Summary } from './statistics.js';
import { phases } from './phases.js';
import { PHASES, type CycleSample, type Phase } from './workload.js';
import { gigabytesPerSecond, indent, quotient, renderTable, seconds } from './table.js';
import { aimText, judge, meets, type Aim, type Verdict } from './verdict.js';

/** The aims of the parts. */
export const AIMS = {
  /** Deterministic over ordinary. */
  boot: { atMost: 1.05 },
  /** Hot over QEMU. */
  cycle: { atMost: 0.5 },
  /** GB/s with Node's memcmp. */
  memory: { atLeast: 5 },
} as const satisfies Record<string, Aim>;

export interface BootResult {
  readonly ordinaryMs: Summary;
  readonly deterministicMs: Summary;
  /** Processor time of each, and its quotient. */
  readonly cpuMs: { readonly ordinary: Summary; readonly deterministic: Summary; readonly ratio: Ratio };
  readonly verdict: Verdict;
}

/** The time of a turn of the cycle, in ms, by contender. */
export const CONTENDERS = ['cold', 'fromCheckpoints', 'hot', 'hotAtSuspend', 'qemu', 'qemuFromSavedStates'] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface CycleSamples {
  readonly wholeMs: Readonly<Record<Contender, readonly number[]>>;
  /** Per turn. */
  readonly hot: readonly CycleSample[];
  readonly hotAtSuspend: readonly CycleSample[];
  readonly qemu: readonly CycleSample[];
  readonly qemuWithoutBootsMs: readonly number[];
}

export interface CycleResult {
  readonly wholeMs: Readonly<Record<Contender, Summary>>;
  /** Where the time goes. */
  readonly phasesMs: Readonly<Record<'hot' | 'hotAtSuspend' | 'qemu', Readonly<Record<Phase, Summary>>>>;
  /** QEMU's cycle without the work before the suspend, from the same runs. */
  readonly qemuWithoutWorkMs: Summary;
  /** QEMU's cycle without its boots, taken from the same runs as the whole one. */
  readonly qemuWithoutBootsMs: Summary;
  /** Processor time of a cycle. It limits many parallel cycles, and depends least on the load of the host. */
  readonly cpuMs: {
    readonly hot: Summary;
    readonly hotAtSuspend: Summary;
    readonly qemu: Summary;
    readonly ratio: Ratio;
  };
  /** Each over QEMU's whole cycle. */
  readonly overQemu: Readonly<Record<Exclude<Contender, 'qemu'>, Ratio>>;
  readonly hotOverQemuWithoutBoots: Ratio;
  readonly hotOverQemuFromSavedStates: Ratio;
  /** The quotient with an aim: hot from the state before the suspend, over QEMU without the work (neither does it). */
  readonly verdict: Verdict;
  /** The same with the work done by both. */
  readonly verdictWithWork: Verdict;
}

export interface MemoryResult {
  readonly captureBytes: number;
  readonly gigabytesPerSecond: Readonly<Record<Differences, { readonly memcmp: Summary; readonly words: Summary }>>;
  readonly aim: Aim;
  readonly met: boolean;
}

export interface BenchResult {
  readonly format: 1;
  readonly startedAt: string;
  readonly turns: number;
  readonly host: {
    readonly processor: string;
    readonly processors: number;
    readonly memoryBytes: number;
    /** One-minute load average before and after. Values above 0 before and 1 after mean that other programs ran. */
    readonly loadBefore: number;
    readonly loadAfter: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly artifacts: Readonly<Record<string, string>>;
  readonly machine: { readonly memoryMiB: number; readonly cmdline: string };
  readonly boot?: BootResult;
  readonly cycle?: CycleResult;
  readonly snapshot?: SnapshotResult;
  readonly walk?: WalkResult;
  readonly engines?: EnginesResult;
  readonly memory?: MemoryResult;
  readonly page?: PageResult;
  readonly validate?: ValidateResult;
}

export function bootResult(ordinary: readonly BootSample[], deterministic: readonly BootSample[]): BootResult {
  const of = (samples: readonly BootSample[], what: keyof BootSample): readonly number[] =>
    samples.map((sample) => sample[what]);
  return {
    ordinaryMs: summarize(of(ordinary, 'ms')),
    deterministicMs: summarize(of(deterministic, 'ms')),
    cpuMs: {
      ordinary: summarize(of(ordinary, 'cpuMs')),
      deterministic: summarize(of(deterministic, 'cpuMs')),
      ratio: ratio(of(deterministic, 'cpuMs'), of(ordinary, 'cpuMs')),
    },
    verdict: judge(ratio(of(deterministic, 'ms'), of(ordinary, 'ms')), AIMS.boot),
  };
}

export function cycleResult({ wholeMs, hot, hotAtSuspend, qemu, qemuWithoutBootsMs }: CycleSamples): CycleResult {
  const qemuWithoutWorkMs = qemu.map(({ times }) => times.ms - times.phases.work);
  const over = (contender: Contender): Ratio => ratio(wholeMs[contender], wholeMs.qemu);
  return {
    wholeMs: Object.fromEntries(CONTENDERS.map((contender) => [contender, summarize(wholeMs[contender])])) as Record<
      Contender,
      Summary
    >,
    phasesMs: { hot: phases(hot), hotAtSuspend: phases(hotAtSuspend), qemu: phases(qemu) },
    qemuWithoutWorkMs: summarize(qemuWithoutWorkMs),
    qemuWithoutBootsMs: summarize(qemuWithoutBootsMs),
    cpuMs: { ...compareCpu(hot, qemu), hotAtSuspend: summarize(hotAtSuspend.map(({ cpuMs }) => cpuMs)) },
    overQemu: {
      cold: over('cold'),
      fromCheckpoints: over('fromCheckpoints'),
      hot: over('hot'),
      hotAtSuspend: over('hotAtSuspend'),
      qemuFromSavedStates: over('qemuFromSavedStates'),
    },
    hotOverQemuWithoutBoots: ratio(wholeMs.hot, qemuWithoutBootsMs),
    hotOverQemuFromSavedStates: ratio(wholeMs.hot, wholeMs.qemuFromSavedStates),
    verdict: judge(ratio(wholeMs.hotAtSuspend, qemuWithoutWorkMs), AIMS.cycle),
    verdictWithWork: judge(over('hot'), AIMS.cycle),
  };
}

function compareCpu(
  hot: readonly { readonly cpuMs: number }[],
  qemu: readonly { readonly cpuMs: number }[],
): Pick<CycleResult['cpuMs'], 'hot' | 'qemu' | 'ratio'> {
  const of = (samples: readonly { readonly cpuMs: number }[]): readonly number[] => samples.map(({ cpuMs }) => cpuMs);
  return { hot: summarize(of(hot)), qemu: summarize(of(qemu)), ratio: ratio(of(hot), of(qemu)) };
}

export function memoryResult(captureBytes: number, samples: MemoryDiffSamples): MemoryResult {
  const of = (differences: Differences): { memcmp: Summary; words: Summary } => ({
    memcmp: summarize(samples[differences].memcmp),
    words: summarize(samples[differences].words),
  });
  const rates = { none: of('none'), scattered: of('scattered'), everyPage: of('everyPage') };
  const met = [rates.none, rates.scattered].every(({ memcmp }) => meets(AIMS.memory, memcmp.median));
  return { captureBytes, gigabytesPerSecond: rates, aim: AIMS.memory, met };
}

/** Medians with smallest and largest sample, and the quotients, for people. */
export function renderResult(result: BenchResult): string {
  const { host, versions, machine, boot, cycle, snapshot, walk, engines, memory, page, validate } = result;
  const parts = [
    [
      `${host.processors} processors (${host.processor}), ${Math.round(host.memoryBytes / 2 ** 30)} GiB; load ${host.loadBefore.toFixed(1)} before, ${host.loadAfter.toFixed(1)} after`,
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
      `guest: ${machine.memoryMiB} MiB, one processor, the same kernel, initramfs, command line and disks throughout; ${result.turns} samples in turns; median (min .. max)`,
    ].join('\n'),
  ];
  if (boot) parts.push(renderBoot(boot));
  if (cycle) parts.push(renderCycle(cycle, result.turns));
  if (snapshot) parts.push(renderSnapshot(snapshot, machine.memoryMiB));
  if (walk) parts.push(renderWalks(walk));
  if (engines) parts.push(renderEngines(engines));
  if (memory) parts.push(renderMemory(memory));
  if (page) parts.push(renderPage(page));
  if (validate) parts.push(renderValidate(validate));
  return `${parts.join('\n\n')}\n`;
}

function renderBoot({ ordinaryMs, deterministicMs, cpuMs, verdict }: BootResult): string {
  const rows = [
    ['ordinary v86', seconds(ordinaryMs), '1.00', seconds(cpuMs.ordinary), '1.00'],
    [
      'deterministic (ours)',
      seconds(deterministicMs),
      quotient(verdict.ratio),
      seconds(cpuMs.deterministic),
      quotient(cpuMs.ratio),
    ],
  ];
  return [
    "Boot: power-on to shell, each in a process of its own, from the making of the machine to the guest's marker",
    indent(renderTable(['', 'time', 'over ordinary', 'processor time', 'over ordinary'], rows)),
    indent(
      `ours over ordinary ${verdict.ratio.ofMedians.toFixed(3)}, ${aimText(verdict.aim, verdict.ratio.ofMedians)}`,
    ),
  ].join('\n');
}

function renderCycle(cycle: CycleResult, turns: number): string {
  const { wholeMs, overQemu, verdict, verdictWithWork, phasesMs, cpuMs } = cycle;
  const rows = [
    ['ours, cold', seconds(wholeMs.cold), quotient(overQemu.cold)],
    ['ours, from checkpoints', seconds(wholeMs.fromCheckpoints), quotient(overQemu.fromCheckpoints)],
    ['ours, hot', seconds(wholeMs.hot), quotient(overQemu.hot)],
    ['ours, hot, from the state before the suspend', seconds(wholeMs.hotAtSuspend), quotient(overQemu.hotAtSuspend)],
    ['QEMU TCG', seconds(wholeMs.qemu), '1.00'],
    ['QEMU TCG, the work before the suspend not counted', seconds(cycle.qemuWithoutWorkMs), ''],
    ['QEMU TCG, its boots not counted', seconds(cycle.qemuWithoutBootsMs), ''],
    ['QEMU TCG, from saved states', seconds(wholeMs.qemuFromSavedStates), quotient(overQemu.qemuFromSavedStates)],
  ];
  return [
    'Cycle: boot, read 16 MiB of files into RAM, suspend to disk (swsusp), power off, resume in a new machine, check what was read',
    indent(renderTable(['', 'time', 'over QEMU'], rows)),
    indent(
      [
        `hot from the state before the suspend over QEMU without the work ${verdict.ratio.ofMedians.toFixed(3)}, ${aimText(verdict.aim, verdict.ratio.ofMedians)}`,
        `hot over QEMU, the work done by both, ${verdictWithWork.ratio.ofMedians.toFixed(3)}, ${aimText(verdictWithWork.aim, verdictWithWork.ratio.ofMedians)}`,
        `hot over QEMU without its boots ${quotient(cycle.hotOverQemuWithoutBoots)}, over QEMU from saved states ${quotient(cycle.hotOverQemuFromSavedStates)}`,
        ...PHASES.filter((phase) => phase !== 'verify').map(
          (phase) =>
            `  ${phase.padEnd(8)} hot ${seconds(phasesMs.hot[phase])}, from the state before the suspend ${seconds(phasesMs.hotAtSuspend[phase])}, QEMU ${seconds(phasesMs.qemu[phase])}`,
        ),
        `processor time: hot ${seconds(cpuMs.hot)}, from the state before the suspend ${seconds(cpuMs.hotAtSuspend)}, QEMU ${seconds(cpuMs.qemu)}, hot over QEMU ${quotient(cpuMs.ratio)}; QEMU waits for its guest's timers besides, our virtual time skips that`,
        '',
        'cold: a new process without checkpoints, from its start to its end. From checkpoints: a new process with checkpoints in files.',
        `Hot: later cycles of one process, after one that is not counted: compiled code and checkpoints are in memory (${turns} cycles).`,
        'Checkpoints lie after boot (the work starts there) and before the initramfs first reads a disk (the resume starts there),',
        'so ours does not boot in these rows, and QEMU does, twice: the quotient says how much sooner a test that wants one cycle',
        'more has it, not how fast the emulators are. For that, see QEMU without its boots, and from states saved at the same two points.',
        'A scenario that is run again starts later, at the state before its first suspend: there lies the checkpoint that is hot in the rig',
        "as people use it, so that row carries the aim. It does not do the work again, so QEMU's work is not counted against it either.",
        'Hot and QEMU begin with the making of the first machine and end with the answer of the check in the second. What ours hashes for a',
        "report after that is not counted, but for processor time. Neither proves anything of memory and disks here: the guest's check is",
        "all. QEMU is a new process per boot, its disks raw files in the host's page cache without flushes; copying them is not counted.",
      ].join('\n'),
    ),
  ].join('\n');
}

function renderMemory({ captureBytes, gigabytesPerSecond: rates, aim }: MemoryResult): string {
  const row = (what: string, { memcmp, words }: { readonly memcmp: Summary; readonly words: Summary }): string[] => [
    what,
    gigabytesPerSecond(memcmp),
    gigabytesPerSecond(words),
  ];
  const rows = [
    row('equal', rates.none),
    row('1000 pages differ, scattered', rates.scattered),
    row('the last byte of each page differs', rates.everyPage),
  ];
  const least = Math.min(rates.none.memcmp.median, rates.scattered.memcmp.median);
  return [
    `Memory: two captures of ${captureBytes / 2 ** 20} MiB compared page by page; 10^9 bytes of one of them per second`,
    indent(renderTable(['', 'memcmp (as in Node)', 'words (anywhere)'], rows)),
    indent(`${least.toFixed(1)} GB/s, ${aimText(aim, least)}`),
  ].join('\n');
}
