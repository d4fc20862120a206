// SPDX-License-Identifier: MIT
/** Runs the scenario of the page as `snapback run` does: the same cycle, the same proofs, the same report. */
import type { Booter, BootStates } from '../../../cycle/boot.js';
import type { Collected } from '../../../cycle/evidence.js';
import type { MachineShown } from '../../../cycle/machines.js';
import type { Finding } from '../../../cycle/outcome.js';
import { runPlan } from '../../../cycle/run.js';
import type { PausedAt, Standing } from '../../../cycle/steps/context.js';
import { browserTimers } from '../../../engines/v86/host-browser/timers.js';
import type { Engine } from '../../../machine/contract.js';
import { stepEnd } from '../../../machine/markers.js';
import { reportOf, type Report, type ReportContext } from '../../../report/model.js';
import { createProofs } from '../../../verify/proofs.js';
import type { LoadedScenario } from '../storage/machine-files.js';
import { sha256Hex } from '../storage/digest.js';
import type { DiskReader } from './disk-reader.js';
import { disksOf } from './disks.js';
import type { FateReader } from './fate-reader.js';
import { growingText, NOTHING_COLLECTED } from './growing.js';
import { browserMatcher } from './matcher.js';
import type { FromSession } from './protocol.js';
import { createWrittenTeller } from './running.js';

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
declare const navigator: { readonly userAgent: string };

/** What a browser cannot do of the proofs. */
const NO_CHECKERS =
  'filesystems were not checked, because their tools are programs of the host: `snapback run` does it';

export interface RunOptions {
  /** Those of earlier runs on the same machine. */
  readonly states: BootStates;
  /** See `TimelineDeps`. `machines`: what those of the run have shown so far. */
  readonly pause?: (at: PausedAt, machines: readonly MachineShown[], standing: Standing | undefined) => Promise<void>;
  /** Called before a machine is made: 1 for the first. */
  readonly onPowerOn?: (number: number) => void;
  /** What a proof has found, or what it found when the run was here before. */
  readonly remember?: Remember;
}

/** `what` names the proof. */
export type Remember = <T>(what: string, make: () => Promise<T>) => Promise<T>;

/** `readers`: of the machines of this run. @throws InputError, RigError; errors of the guest are in the report. */
export async function runScenario(
  { plan, config, configKey, systemMap, facts, bootStateOf }: LoadedScenario,
  engine: Engine,
  tell: (message: FromSession) => void,
  { states, pause, onPowerOn, remember = (_, make) => make() }: RunOptions,
  { disks, fates }: { readonly disks: DiskReader; readonly fates: FateReader },
): Promise<Report> {
  const machines: MachineShown[] = [];
  const findings: Finding[] = [];
  let collected: Collected = NOTHING_COLLECTED;
  const startedMs = performance.now();
  let number = 0;
  const contextNow = (): ReportContext => ({
    ...facts,
    plan,
    realMs: Math.round(performance.now() - startedMs),
    packages: { ...facts.packages, browser: navigator.userAgent },
    notes: [...(facts.notes ?? []), NO_CHECKERS],
  });
  const grow = (): void =>
    tell({ tell: 'growing', text: growingText({ collected, findings, machines }, contextNow()) });
  const written = createWrittenTeller(
    (machine, written) => tell({ tell: 'wrote', machine, written }),
    () => performance.now(),
    browserTimers.after,
  );
  const booter: Booter = {
    engine,
    config,
    configKey,
    // What is made is kept by the boot states for this run. Of the page's own states there is nothing to keep.
    cache: { get: (key) => Promise.resolve(bootStateOf(key)), put: () => Promise.resolve() },
    onConsole: (bytes) => tell({ tell: 'console', bytes, machine: number }),
    onWritten: (more) => written.add(number, more),
    onProgress: (what) => {
      if (what !== '') tell({ tell: 'step', what, fraction: undefined });
    },
  };
  const { highMemoryMiB } = config;
  let differing: readonly number[] = [];
  const proofs = createProofs({
    systemMap,
    ...(highMemoryMiB !== undefined && { highMemoryMiB }),
    check: () => Promise.resolve(undefined),
    onMemory({ differences }) {
      differing = differences.map(({ pfn }) => pfn);
    },
  });
  tell({ tell: 'disks', disks: disksOf(config.disks, plan) });
  const outcome = await runPlan(plan, {
    booter,
    states,
    proofs: {
      ...proofs,
      async memory(evidence) {
        const { proven, frames } = await remember('memory', async () => ({
          proven: await proofs.memory(evidence),
          frames: differing,
        }));
        fates.differ(frames);
        return proven;
      },
      image: (evidence) => remember('image', () => proofs.image(evidence)),
      async disk(evidence) {
        const proven = await remember('disk', () => proofs.disk(evidence));
        // A search for differences where there are none would need as long as the proof.
        const { sectorsDiffering } = proven.outcome;
        const { image, differences } = disks.prove(evidence, sectorsDiffering > 0);
        tell({ tell: 'differences', differences });
        tell({
          tell: 'image',
          image: { machine: number, instruction: restoredAt(machines[number - 1]), ranges: image },
        });
        return proven;
      },
    },
    matcher: browserMatcher(),
    hash: sha256Hex,
    ...(pause && { pause: (at: PausedAt, standing: Standing | undefined) => pause(at, machines, standing) }),
    onPowerOn(next) {
      number = next;
      onPowerOn?.(next);
    },
    onMachine(machine) {
      machines[machine.number - 1] = machine;
      written.forget();
      tell({ tell: 'machine', machine });
      grow();
    },
    onEvidence(soFar) {
      collected = soFar;
      grow();
    },
    onFinding(finding) {
      findings.push(finding);
      tell({ tell: 'finding', finding });
    },
    onFault: (fault) => tell({ tell: 'fault', fault }),
    onCommand: (command) => tell({ tell: 'command', command }),
    say: (what, fraction) => tell({ tell: 'step', what, fraction }),
  }).finally(written.forget);
  return reportOf(outcome, contextNow());
}

/** Instruction counter of a machine when its restored timeline began; 0 when there has been none. */
const restoredAt = (machine: MachineShown | undefined): number =>
  machine?.markers.findLast(({ kind }) => kind === stepEnd('restore'))?.instruction ?? 0;
