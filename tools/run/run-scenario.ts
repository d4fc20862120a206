// SPDX-License-Identifier: MIT
/** Runs a scenario on this host: files from the cache, machines in workers, checkpoints on disk. */
import { join } from 'node:path';
import type { BuildContext } from '../../emulator/host/node/artifacts/context.js';
import type { EvidenceListeners } from '../../emulator/cycle/evidence.js';
import type { MachineShown } from '../../emulator/cycle/machines.js';
import { isFlavour, type MachineOptions } from '../../emulator/cycle/plan.js';
import type { RunOutcome } from '../../emulator/cycle/outcome.js';
import type { Waited } from '../../emulator/cycle/recorder.js';
import { BOOT_STAGES, bootStates, type Booter, type ByteCache } from '../../emulator/cycle/boot.js';
import { mountOnce } from '../../emulator/cycle/mount-once.js';
import type { Proofs, SuspendEvidence } from '../../emulator/cycle/proofs.js';
import type { RamCopy } from '../../emulator/machine/contract.js';
import { kindsAtCopy } from '../../emulator/verify/memory/kinds.js';
import { runPlan } from '../../emulator/cycle/run.js';
import { reportOf, type Report, type ReportContext } from '../../emulator/report/model.js';
import { disksOf, type DiskShown } from '../../emulator/host/browser/session/disks.js';
import type { Handover } from '../../emulator/host/browser/session/recall/handover.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { keyWithoutDisks, obtainMachineFiles, withShare, type MachineFiles } from './machine-files.js';
import { nodeMatcher } from '../../emulator/host/node/matcher.js';
import { nodeProofs } from '../../emulator/host/node/proofs.js';
import { sha256Hex } from '../../emulator/host/node/sha256.js';
import { sharedEngine } from './engines.js';
import { ownCommand, quoted } from './own-command.js';
import type { LoadedScenario } from './scenario-file.js';
import { checkTemporaryFolder } from '../../emulator/host/node/temporary.js';
import { packageVersions } from '../../emulator/host/node/versions.js';

export interface RunHooks extends EvidenceListeners {
  /**
   * `fraction`: progress from 0 to 1, if known. `how`: the guest time of a wait, for a `what` that was announced
   * before.
   */
  readonly say: (what: string, fraction?: number, how?: string) => void;
  readonly onConsole?: (bytes: Uint8Array) => void;
  /** Called with the kinds of all pages (see `KindReader.kinds`) at each atomic copy of the main run that is to be proved. */
  readonly onCopy?: (kinds: Uint8Array) => void;
  /** See `MachinesDeps.onMachine`. */
  readonly onMachine?: (shown: MachineShown) => void;
  /** Of the engine that all runs share; it takes a machine from this run, which rejects then. */
  readonly handover?: Pick<Handover, 'engine' | 'powersOn'>;
}

export interface ScenarioRun {
  readonly report: Report;
  readonly outcome: RunOutcome;
  /** Those of the main run, in their order. */
  readonly machines: readonly MachineShown[];
  /** Before anything is written to them. */
  readonly disks: readonly DiskShown[];
}

/** @throws InputError, RigError; errors of the guest are in the report. */
export async function runScenario(
  loaded: LoadedScenario,
  context: BuildContext,
  hooks: RunHooks,
): Promise<ScenarioRun> {
  const { plan, scenario } = loaded;
  await checkTemporaryFolder();
  const files = withShare(await obtainMachineFiles(plan.machine, scenario.disks, context), plan.share);
  const startedMs = performance.now();
  let said: { readonly what: string; readonly fraction?: number | undefined } = { what: 'running' };
  const say = (what: string, fraction?: number): void => {
    said = { what, fraction };
    hooks.say(what, fraction);
  };
  const states = bootStates();
  const machines: MachineShown[] = [];
  const onMachine = (shown: MachineShown): void => {
    machines[shown.number - 1] = shown;
    hooks.onMachine?.(shown);
  };
  const cache = byteCache(join(context.cacheDir, 'checkpoints'), () =>
    hooks.say('the cache is read-only: checkpoints are not kept'),
  );
  const { handover } = hooks;
  const quiet: Booter = {
    engine: handover?.engine ?? sharedEngine(plan.machine.engine),
    config: files.config,
    configKey: files.configKey,
    // The machine may have been taken before the state that runs of the scenario have in common.
    cache: handover ? onlyBoots(cache) : cache,
    signal: context.signal,
  };
  const mounter: Booter = { ...quiet, configKey: keyWithoutDisks(files) };
  const proofs = nodeProofs(files, context.signal, (volume, filesystem) =>
    mountOnce(volume, filesystem, mounter, states),
  );
  const outcome = await runPlan(
    { ...plan, bootCommands: files.bootCommands },
    {
      booter: {
        ...quiet,
        onProgress: (what, waited) => {
          if (what !== '') say(what);
          else if (waited && waited.passedMs >= TOLD_FROM_MS) hooks.say(said.what, said.fraction, passed(waited));
        },
        ...(hooks.onConsole && { onConsole: hooks.onConsole }),
        ...(handover && { onWritten: () => undefined }),
      },
      states,
      ...(hooks.onFinding && { onFinding: hooks.onFinding }),
      ...(hooks.onCommand && { onCommand: hooks.onCommand }),
      onMachine,
      ...(handover && { onPowerOn: handover.powersOn }),
      proofs: hooks.onCopy ? tellingProofs(proofs, files, hooks.onCopy) : proofs,
      matcher: nodeMatcher({ signal: context.signal }),
      hash: sha256Hex,
      say,
    },
  );
  const facts = reportFacts(loaded, files);
  const report = reportOf(outcome, {
    ...facts,
    scenario: { ...facts.scenario, directory: process.cwd() },
    plan,
    realMs: Math.round(performance.now() - startedMs),
    packages: packageVersions(),
  });
  return {
    report,
    outcome,
    machines: machines.filter((one) => one !== undefined),
    disks: disksOf(files.config.disks, plan),
  };
}

/** Of the states of the cache, those of boots. */
const onlyBoots = ({ get }: ByteCache): ByteCache => ({
  get: (key) => (BOOT_STAGES.some((stage) => key.startsWith(`${stage}-`)) ? get(key) : Promise.resolve(undefined)),
  put: () => Promise.resolve(),
});

/** The same proofs, which tell what each page was used for at each copy that they get. */
function tellingProofs(
  proofs: Proofs,
  { systemMap, config }: Pick<MachineFiles, 'systemMap' | 'config'>,
  onCopy: NonNullable<RunHooks['onCopy']>,
): Proofs {
  const told = new WeakSet<RamCopy>();
  const tell = (evidence: SuspendEvidence): void => {
    // The image and the memory are proved of the same copy.
    if (!evidence.atCopy || told.has(evidence.atCopy)) return;
    told.add(evidence.atCopy);
    const kinds = kindsAtCopy(evidence, systemMap, (config.highMemoryMiB ?? 0) * 2 ** 20);
    if (kinds) onCopy(kinds);
  };
  return {
    ...proofs,
    image: (evidence) => {
      tell(evidence);
      return proofs.image(evidence);
    },
    memory: (evidence) => {
      tell(evidence);
      return proofs.memory(evidence);
    },
  };
}

/** What a report says of the scenario and its machine, wherever the scenario is run. */
export function reportFacts(
  { plan, scenario, file, sha256, machineWords, method, replay }: LoadedScenario,
  { kernel, config, hashes, notes }: MachineFiles,
): Omit<ReportContext, 'plan' | 'realMs' | 'packages'> {
  return {
    // A file that is more than a scenario is no scenario file.
    scenario: { name: scenario.name, file: replay === undefined ? file : null, sha256 },
    kernel: { version: kernel.version, flavour: kernel.flavour, sha256: kernel.sha256 },
    replay: replay ?? replayCommandLine(file, plan.machine, machineWords),
    options: {
      ...plan.machine,
      cmdline: config.cmdline,
      disks: scenario.disks,
      ...(method !== undefined && { method }),
      ...(scenario.parameters && { parameters: scenario.parameters }),
      control: plan.control,
      kernelSource: kernel.sourceVersion,
    },
    artifacts: hashes,
    notes,
  };
}

/** Virtual time after which a wait shows its progress. */
const TOLD_FROM_MS = 1_000;

/** The progress of a wait, for people. A guest that never idles takes minutes for a minute of its time. */
export const passed = ({ passedMs, ofMs }: Waited): string =>
  `${Math.floor(passedMs / 1000)} s of at most ${Math.ceil(ofMs / 1000)} s of the guest's time`;

/** The command line that repeats the run. `machineWords`: options for a machine that is not the scenario's own. */
export function replayCommandLine(
  file: string,
  { seed, kernel }: Pick<MachineOptions, 'seed' | 'kernel'>,
  machineWords = '',
): string {
  const ownKernel = isFlavour(kernel) ? '' : ` --kernel ${quoted(kernel)}`;
  return `${ownCommand()} run ${quoted(file)} --seed ${seed}${ownKernel}${machineWords}`;
}
