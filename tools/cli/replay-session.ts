// SPDX-License-Identifier: MIT
/** `snapback replay SESSION`: repeats on this host what was done on the page, and compares the state. */
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { readSession, type SessionFile } from '../../emulator/scenario/session-file.js';
import { ownCommand, quoted } from '../run/own-command.js';
import { scenarioOfText, type LoadedScenario } from '../run/scenario-file.js';
import { hasColour, print, runOne, type RunOptions } from './run.js';
import { askedFor, attempt, withReports } from './with-reports.js';

/** @param text what is in `file`. The exit status is that of a replay. */
export async function replaySession(
  file: string,
  text: string,
  options: RunOptions,
  signal: AbortSignal,
): Promise<number> {
  const one = askedFor(file);
  return withReports([one], options, signal, async () => {
    const { session, loaded } = await attempt(one, () => loadSession(file, text));
    one.name = loaded.scenario.name;
    one.run = await attempt(one, () => runOne(loaded, options, signal));
    const { report } = one.run;
    print(`${renderText(report, { colour: hasColour(options) })}\n`, options);
    const differences = sessionDifferences(session, report);
    if (differences.length > 0) {
      one.objection = { reason: NOT_THE_SAME, details: differences };
      print([`  ${NOT_THE_SAME}:`, ...differences.map((line) => `      ${line}`)].join('\n'), options);
      return EXIT.rigFailed;
    }
    print(
      session.stateHash === undefined
        ? '  the session was saved before it was run, so there is no state to compare'
        : `  the same session: state ${report.stateHash.slice(0, 16)} again`,
      options,
    );
    return report.verdict === 'pass' ? EXIT.pass : EXIT.guestFailed;
  });
}

const NOT_THE_SAME = 'not the same session';

/** @throws InputError when the file is no session, or when its scenario is not valid. */
export async function loadSession(
  file: string,
  text: string,
): Promise<{ readonly session: SessionFile; readonly loaded: LoadedScenario }> {
  const read = readSession(text);
  if ('problem' in read)
    throw new InputError(`${file} is no session: ${read.problem}`, {
      remedy: 'give a file that the page of `snapback serve` has offered for download',
    });
  const { session } = read;
  const loaded = await scenarioOfText(session.scenario, file);
  return { session, loaded: { ...loaded, replay: `${ownCommand()} replay ${quoted(file)}` } };
}

/** Empty when the run on this host has ended in the state of the session, or when that has none. */
export function sessionDifferences(
  { artifacts, stateHash, snapback }: SessionFile,
  report: Pick<Report, 'artifacts' | 'stateHash' | 'packages'>,
): readonly string[] {
  if (stateHash === undefined || stateHash === report.stateHash) return [];
  const differs = (what: string, was = 'nothing', is = 'nothing'): readonly string[] =>
    was === is ? [] : [`${what}: ${was}, now ${is}`];
  const names = [...new Set([...Object.keys(artifacts), ...Object.keys(report.artifacts)])];
  return [
    ...names.flatMap((name) =>
      differs(`artifact '${name}'`, artifacts[name]?.slice(0, 16), report.artifacts[name]?.slice(0, 16)),
    ),
    ...differs('version of snapback', snapback, report.packages['snapback']),
    ...differs('state', stateHash.slice(0, 16), report.stateHash.slice(0, 16)),
  ];
}
