// SPDX-License-Identifier: MIT
/**
 * Snapback as a library: for programs and tests that drive a machine.
 *
 *     const engine = createV86Engine();
 *     const { config } = await obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, context);
 *     const machine = await engine.powerOn(config);
 */
export type * from '../emulator/machine/contract.js';
export * from '../emulator/machine/errors.js';
export * from '../emulator/machine/markers.js';
export * from '../emulator/machine/units.js';
export { createV86Engine, type V86EngineOptions } from '../emulator/engines/v86/host-node/engine.js';
export { Agent, type SpawnOptions, type WaitOptions } from '../emulator/agent/agent.js';
export type { Job, JobResult } from '../emulator/agent/job.js';
export { bootStates, restoreAt, type Booter, type BootStage, type ByteCache } from '../emulator/cycle/boot.js';
export type { BootState } from '../emulator/cycle/boot-state.js';
export type { CycleOutcome, Finding, RunOutcome, TimelineOutcome } from '../emulator/cycle/outcome.js';
export { DEFAULT_MACHINE, type MachineOptions, type Plan, type Step } from '../emulator/cycle/plan.js';
export { record, type Recorder, type Seen } from '../emulator/cycle/recorder.js';
export { runPlan, type RunDeps } from '../emulator/cycle/run.js';
export type { Fault } from '../emulator/faults/fault.js';
export { byteCache } from '../emulator/host/node/byte-cache.js';
export { obtainMachineFiles, type MachineFiles } from './run/machine-files.js';
export { nodeMatcher } from '../emulator/host/node/matcher.js';
export { nodeProofs } from '../emulator/host/node/proofs.js';
export { runScenario, type ScenarioRun } from './run/run-scenario.js';
export { loadScenario, type LoadedScenario } from './run/scenario-file.js';
export { reportOf, type Report } from '../emulator/report/model.js';
export { readReport } from '../emulator/report/read.js';
export { renderText } from '../emulator/report/text.js';
export { readScenario, STANDARD_DISKS, type Scenario } from '../emulator/scenario/schema.js';
export { defaultCacheDir, type BuildContext } from '../emulator/host/node/artifacts/context.js';
