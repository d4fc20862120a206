// SPDX-License-Identifier: MIT
/**
 * Snapback as a library: drive a machine from a program or test of your own.
 *
 *     const engine = createV86Engine();
 *     const { config } = await obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, context);
 *     const machine = await engine.powerOn(config);
 */
export type * from './machine/contract.js';
export * from './machine/errors.js';
export * from './machine/markers.js';
export * from './machine/units.js';
export { createV86Engine, type V86EngineOptions } from './engines/v86/host-node/engine.js';
export { Agent, type SpawnOptions, type WaitOptions } from './agent/agent.js';
export type { Job, JobResult } from './agent/job.js';
export { bootStates, restoreAt, type Booter, type BootStage, type ByteCache } from './cycle/boot.js';
export type { BootState } from './cycle/boot-state.js';
export type { CycleOutcome, Finding, RunOutcome, TimelineOutcome } from './cycle/outcome.js';
export { DEFAULT_MACHINE, type MachineOptions, type Plan, type Step } from './cycle/plan.js';
export { record, type Recorder, type Seen } from './cycle/recorder.js';
export { runPlan, type RunDeps } from './cycle/run.js';
export type { Fault } from './faults/fault.js';
export { byteCache } from './host/node/byte-cache.js';
export { obtainMachineFiles, type MachineFiles } from './host/node/machine-files.js';
export { nodeProofs } from './host/node/proofs.js';
export { runScenario, type ScenarioRun } from './host/node/run-scenario.js';
export { loadScenario, type LoadedScenario } from './host/node/scenario-file.js';
export { reportOf, type Report } from './report/model.js';
export { readReport } from './report/read.js';
export { renderText } from './report/text.js';
export { readScenario, STANDARD_DISKS, type Scenario } from './scenario/schema.js';
export { defaultCacheDir, type BuildContext } from './host/node/artifacts/context.js';
