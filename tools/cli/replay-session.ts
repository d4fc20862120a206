// SPDX-License-Identifier: MIT
/** `snapback replay SESSION`: repeats on this host what was done on the page, and compares the state. */
import { coreDigest } from '../../emulator/host/node/core-digest.js';
import { packageVersions } from '../../emulator/host/node/versions.js';
import { EXIT, InputError } from '../../emulator/machine/errors.js';
import type { Report } from '../../emulator/report/model.js';
import { renderText } from '../../emulator/report/text.js';
import { readSession, type Instant, type SessionFile } from '../../emulator/scenario/session-file.js';
import { checkForBrowser } from '../page/scenario-page.js';
import { machineAtAgent } from '../run/at-agent.js';
import { sharedEngine } from '../run/engines.js';
import { ownCommand, quoted } from '../run/own-command.js';
import { repeatAtPrompt, repeatTaken } from '../run/typed-session.js';
import { runScenario, type RunHooks } from '../run/run-scenario.js';
import { scenarioOfText, type LoadedScenario } from '../run/scenario-file.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites } from './doctor.js';
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
    const { until } = session;
    if (until) return attempt(one, () => replayTyped(file, { ...session, until }, loaded, options, signal));
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

/** Repeats what was typed, at the prompt or to a machine of a run. There is no scenario's verdict, so the exit status is `pass` when the state is the same. */
async function replayTyped(
  file: string,
  session: TypedSession,
  loaded: LoadedScenario,
  options: RunOptions,
  signal: AbortSignal,
): Promise<number> {
  const { json, junit, ktap, trace, console: log } = options;
  if ([json, junit, ktap, trace, log].some((wanted) => wanted !== undefined))
    throw new InputError(`${file} is a session in which no scenario is run to its end, so there is no report on it`, {
      remedy: 'leave out the options that name files of a report',
    });
  checkForBrowser(loaded);
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context);
  try {
    const { files, agentReady } = await machineAtAgent(loaded, context);
    const { within } = session;
    const engine = sharedEngine('v86');
    const onConsole = options.verbose === true ? (bytes: Uint8Array) => void process.stderr.write(bytes) : undefined;
    const hooks: RunHooks = {
      say: progress.say,
      ...(onConsole && { onConsole }),
    };
    if (!within) progress.say('typing what was typed');
    const { elsewhere, stateHash } = within
      ? await repeatTaken(
          engine,
          (handover) => runScenario(loaded, context, { ...hooks, handover }),
          { ...session, within },
          { signal, onConsole },
        )
      : await repeatAtPrompt(engine, files.config, agentReady, session, { signal, onConsole });
    progress.clear();
    const present = { artifacts: files.hashes, packages: packageVersions(), stateHash };
    const differences = [...sessionDifferences(session, present), ...placeDifferences(session.until, elsewhere)];
    if (differences.length > 0) {
      print([`  ${NOT_THE_SAME}:`, ...differences.map((line) => `      ${line}`)].join('\n'), options);
      return EXIT.rigFailed;
    }
    const { instructions, virtualMs } = session.until;
    print(
      `  the same session: instruction ${instructions}, ${virtualMs.toFixed(3)} ms; state ${stateHash.slice(0, 16)} again`,
      options,
    );
    return EXIT.pass;
  } finally {
    progress.clear();
  }
}

type TypedSession = SessionFile & Required<Pick<SessionFile, 'until'>>;

/** Empty when the machine is where it stood on the page. `elsewhere`: see `Repeated`. */
export function placeDifferences(until: Instant, elsewhere: Instant | undefined): readonly string[] {
  const text = ({ instructions, virtualMs }: Instant): string => `instruction ${instructions}, ${virtualMs} ms`;
  return elsewhere ? [`place: ${text(until)}, now ${text(elsewhere)}`] : [];
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

/**
 * Empty when the machine on this host has ended in the state of the session, or when that has none.
 * @param present the digest of the core here.
 */
export function sessionDifferences(
  { artifacts, core, stateHash, snapback }: SessionFile,
  report: Pick<Report, 'artifacts' | 'stateHash' | 'packages'>,
  present = coreDigest(),
): readonly string[] {
  if (stateHash === undefined || stateHash === report.stateHash) return [];
  const differs = (what: string, was = 'nothing', is = 'nothing'): readonly string[] =>
    was === is ? [] : [`${what}: ${was}, now ${is}`];
  const names = [...new Set([...Object.keys(artifacts), ...Object.keys(report.artifacts)])];
  return [
    ...names.flatMap((name) =>
      differs(`artifact '${name}'`, artifacts[name]?.slice(0, 16), report.artifacts[name]?.slice(0, 16)),
    ),
    ...(core === undefined ? [] : differs('emulator core', core.slice(0, 16), present.slice(0, 16))),
    ...differs('version of snapback', snapback, report.packages['snapback']),
    ...differs('state', stateHash.slice(0, 16), report.stateHash.slice(0, 16)),
  ];
}
