// SPDX-License-Identifier: MIT
/** Reports on every scenario that a command was asked for, however the command ends. */
import type { ScenarioRun } from '../run/run-scenario.js';
import { renderJunit, renderKtap } from '../../emulator/report/machine-readable.js';
import type { NoVerdict, Report } from '../../emulator/report/model.js';
import { renderTrace, traceOf } from '../../emulator/report/trace.js';
import { reasonOf, TwoFailures } from './failure.js';
import { writeFiles, type NamedFiles } from './report-files.js';

/** A scenario that a command was asked for, and what came of it so far. */
export interface Asked {
  /** Its file, until its name is known. */
  name: string;
  run: ScenarioRun | undefined;
  /** The error that ended the command while it worked on this scenario. */
  failure: { readonly error: unknown } | undefined;
  /** Why the verdict of its run does not count. */
  objection: Pick<NoVerdict, 'reason' | 'details'> | undefined;
}

export const askedFor = (name: string): Asked => ({
  name,
  run: undefined,
  failure: undefined,
  objection: undefined,
});

/** Does `work` for one scenario, and remembers there the error that it throws. */
export async function attempt<T>(one: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    one.failure = { error };
    throw error;
  }
}

/**
 * Does the work of a command and then writes the reports on all scenarios in `asked`. The work may add to `asked` and
 * sets the results there. A scenario without one is reported as such, so that no reader takes a part for the whole.
 * @throws the error of the work; {@link TwoFailures} when the reports could not be written after it.
 * @throws RigError when only the reports could not be written.
 */
export async function withReports(
  asked: readonly Asked[],
  files: NamedFiles,
  signal: AbortSignal,
  work: () => Promise<number>,
): Promise<number> {
  let status: number;
  try {
    status = await work();
  } catch (error) {
    const first: unknown = signal.aborted ? signal.reason : error;
    await writeReports(asked, files, first).catch((second: unknown) => {
      throw new TwoFailures(first, second);
    });
    throw error;
  }
  await writeReports(asked, files);
  return status;
}

/**
 * Writes the files that the options name. The JSON is a report, or a list of reports when there are several or none;
 * it leaves out scenarios without a run.
 */
function writeReports(asked: readonly Asked[], files: NamedFiles, ending?: unknown): Promise<void> {
  const results = resultsOf(asked, ending);
  const reports = asked.flatMap(({ run }) => (run ? [run.report] : []));
  const { json, junit, ktap, trace, console: log } = files;
  const text = (file: string | undefined, render: () => string): readonly { file: string; text: string }[] =>
    file === undefined ? [] : [{ file, text: render() }];
  const consoles = asked.flatMap(({ run }) => (run ? [new TextDecoder().decode(run.outcome.main.console)] : []));
  return writeFiles([
    ...text(json, () => `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`),
    ...text(junit, () => renderJunit(results)),
    ...text(ktap, () => renderKtap(results)),
    ...text(trace, () =>
      renderTrace(traceOf(asked.flatMap(({ name, run }) => (run ? [{ name, machines: run.machines }] : [])))),
    ),
    ...text(log, () => consoles.join('')),
  ]);
}

/** `ending`: the error that ended the command. */
function resultsOf(asked: readonly Asked[], ending: unknown): readonly (Report | NoVerdict)[] {
  const ended = asked.find(({ failure }) => failure !== undefined);
  return asked.map((one) => {
    if (one.objection) return { name: one.name, ...one.objection };
    if (one.run) return one.run.report;
    if (one === ended || ended === undefined) return { name: one.name, ...reasonOf(ending) };
    return { name: one.name, reason: `not run, because the command ended with '${ended.name}'`, details: [] };
  });
}
