// SPDX-License-Identifier: MIT
/** Reports for other programs: KTAP for kernel test tools, JUnit for CI servers. */
import { ktapComments, ktapName, xmlAttribute, xmlText } from './escape.js';
import { commandLines } from './commands.js';
import {
  explanation,
  hasVerdict,
  machineWords,
  replayLimit,
  type NoVerdict,
  type Report,
  type ReportFailure,
} from './model.js';

/** The case for everything that is not a proof: commands, and the progress of the guest. */
const RUN = 'run';

interface Case {
  readonly name: string;
  readonly failures: readonly ReportFailure[];
}

/** One case per kind of proof, in a fixed order; a kind that was not checked has no case. */
function cases(report: Report): readonly Case[] {
  const seen: readonly (readonly [string, readonly string[], boolean])[] = [
    ['memory', ['memory'], report.memory.pagesCompared > 0],
    ['image', ['image'], report.image.pagesCompared > 0],
    ['disk', ['disk'], report.disk.sectorsCompared > 0],
    ['filesystems', ['filesystem'], report.filesystems.length > 0],
    ['self-checks', ['selfCheck'], report.selfChecks.passed + report.selfChecks.failed > 0],
    [RUN, ['command', 'kernelFault', 'console', 'guest', 'control'], true],
  ];
  return seen.flatMap(([name, kinds, looked]) => {
    const failures = report.failures.filter(({ kind }) => kinds.includes(kind));
    return looked || failures.length > 0 ? [{ name, failures }] : [];
  });
}

/**
 * KTAP version 1: one test per scenario, and in it one per proof. A scenario without a verdict is a failed test with
 * the reason as its diagnosis.
 */
export function renderKtap(results: readonly (Report | NoVerdict)[]): string {
  const lines = ['KTAP version 1', `1..${results.length}`];
  for (const [index, result] of results.entries()) {
    if (hasVerdict(result)) {
      lines.push(...proofLines(result).map((line) => `  ${line}`), ...machineLines(result));
      lines.push(`${result.verdict === 'pass' ? 'ok' : 'not ok'} ${index + 1} ${ktapName(result.scenario.name)}`);
    } else {
      lines.push(...[withoutVerdict(result), ...result.details].flatMap(ktapComments).map((line) => `# ${line}`));
      lines.push(`not ok ${index + 1} ${ktapName(result.name)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const withoutVerdict = ({ reason }: NoVerdict): string => `no verdict: ${reason}`;

/** The machine of the run, as the diagnosis of its test. */
function machineLines(report: Report): readonly string[] {
  const machine = machineWords(report);
  return machine === undefined ? [] : ktapComments(`machine: ${machine.join(', ')}`).map((line) => `# ${line}`);
}

function proofLines(report: Report): readonly string[] {
  const all = cases(report);
  const lines = ['KTAP version 1', `1..${all.length}`];
  for (const [index, { name, failures }] of all.entries()) {
    for (const failure of failures)
      lines.push(...[failure.what, ...explanation(failure)].flatMap(ktapComments).map((line) => `# ${line}`));
    lines.push(`${failures.length === 0 ? 'ok' : 'not ok'} ${index + 1} ${name}`);
  }
  return lines;
}

/**
 * JUnit XML: one suite per scenario, one test case per proof. The suite of a scenario without a verdict has one case,
 * with an error.
 */
export function renderJunit(results: readonly (Report | NoVerdict)[]): string {
  const counts = results.map(countCases);
  const total = (key: keyof Counts): number => counts.reduce((sum, count) => sum + count[key], 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${countsXml({ tests: total('tests'), failures: total('failures'), errors: total('errors') })}>`,
    ...results.map((result) => (hasVerdict(result) ? suiteXml(result) : errorSuiteXml(result))),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Counts {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
}

function countCases(result: Report | NoVerdict): Counts {
  if (!hasVerdict(result)) return { tests: 1, failures: 0, errors: 1 };
  const all = cases(result);
  return { tests: all.length, failures: all.filter(({ failures }) => failures.length > 0).length, errors: 0 };
}

/** The attributes of a suite. */
export const countsXml = ({ tests, failures, errors }: Counts): string =>
  `tests="${tests}" failures="${failures}" errors="${errors}"`;

function errorSuiteXml(result: NoVerdict): string {
  const suite = xmlAttribute(result.name);
  return [
    `  <testsuite name="${suite}" ${countsXml(countCases(result))} time="0.000">`,
    `    <testcase classname="${suite}" name="${RUN}">`,
    `      <error message="${xmlAttribute(withoutVerdict(result))}">${xmlText(result.details.join('\n'))}</error>`,
    '    </testcase>',
    '  </testsuite>',
  ].join('\n');
}

function suiteXml(report: Report): string {
  const suite = xmlAttribute(report.scenario.name);
  const rows = cases(report).map(({ name, failures }) => {
    const open = `    <testcase classname="${suite}" name="${xmlAttribute(name)}"`;
    const inner = [
      ...(failures.length === 0 ? [] : [failureXml(failures, report)]),
      ...(name === RUN && report.commands.length > 0 ? [commandsXml(report)] : []),
    ];
    return inner.length === 0 ? `${open}/>` : [`${open}>`, ...inner, '    </testcase>'].join('\n');
  });
  return [
    `  <testsuite name="${suite}" ${countsXml(countCases(report))} time="${(report.realMs / 1000).toFixed(3)}">`,
    ...propertiesXml(report),
    ...rows,
    '  </testsuite>',
  ].join('\n');
}

/** The machine of the run. */
function propertiesXml({ machine }: Report): readonly string[] {
  if (machine === undefined) return [];
  const { countsInstructions: _, ...properties } = machine;
  return [
    '    <properties>',
    ...Object.entries(properties).map(
      ([name, value]) => `      <property name="${name}" value="${xmlAttribute(String(value))}"/>`,
    ),
    '    </properties>',
  ];
}

/**
 * The results of the commands, in the case that they belong to, because many readers do not show the output of a suite.
 */
const commandsXml = ({ commands }: Report): string =>
  `      <system-out>${xmlText(commands.flatMap(commandLines).join('\n'))}</system-out>`;

/**
 * One element with all failures of a case. If there were several elements, some readers would take only the first,
 * others only the last, others none.
 */
function failureXml(failures: readonly ReportFailure[], report: Report): string {
  const limit = replayLimit(report);
  const message = failures.map(({ what }) => what).join('; ');
  const lines =
    failures.length === 1
      ? failures.flatMap(explanation)
      : failures.flatMap((failure) => [failure.what, ...explanation(failure).map((line) => `    ${line}`)]);
  const text = [...lines, `replay: ${report.replay}`, ...(limit === undefined ? [] : [`  (${limit})`])].join('\n');
  return `      <failure message="${xmlAttribute(message)}">${xmlText(text)}</failure>`;
}
