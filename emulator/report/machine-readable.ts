// SPDX-License-Identifier: MIT
/** Reports for other programs: KTAP for kernel test tools, JUnit for CI servers. */
import { ktapComments, ktapName, xmlAttribute, xmlText } from './escape.js';
import { commandLines } from './commands.js';
import { explanation, type Report, type ReportFailure } from './model.js';

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

/** KTAP version 1: one test per scenario, and in it one per proof. */
export function renderKtap(reports: readonly Report[]): string {
  const lines = ['KTAP version 1', `1..${reports.length}`];
  for (const [index, report] of reports.entries()) {
    lines.push(...proofLines(report).map((line) => `  ${line}`));
    lines.push(`${report.verdict === 'pass' ? 'ok' : 'not ok'} ${index + 1} ${ktapName(report.scenario.name)}`);
  }
  return `${lines.join('\n')}\n`;
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

/** JUnit XML: one suite per scenario, one test case per proof. */
export function renderJunit(reports: readonly Report[]): string {
  const counts = reports.map(countCases);
  const total = (key: 'tests' | 'failures'): number => counts.reduce((sum, count) => sum + count[key], 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${total('tests')}" failures="${total('failures')}">`,
    ...reports.map(suiteXml),
    '</testsuites>',
    '',
  ].join('\n');
}

function countCases(report: Report): { readonly tests: number; readonly failures: number } {
  const all = cases(report);
  return { tests: all.length, failures: all.filter(({ failures }) => failures.length > 0).length };
}

function suiteXml(report: Report): string {
  const { tests, failures: failed } = countCases(report);
  const suite = xmlAttribute(report.scenario.name);
  const rows = cases(report).map(({ name, failures }) => {
    const open = `    <testcase classname="${suite}" name="${xmlAttribute(name)}"`;
    const inner = [
      ...(failures.length === 0 ? [] : [failureXml(failures, report.replay)]),
      ...(name === RUN && report.commands.length > 0 ? [commandsXml(report)] : []),
    ];
    return inner.length === 0 ? `${open}/>` : [`${open}>`, ...inner, '    </testcase>'].join('\n');
  });
  return [
    `  <testsuite name="${suite}" tests="${tests}" failures="${failed}" time="${(report.realMs / 1000).toFixed(3)}">`,
    ...rows,
    '  </testsuite>',
  ].join('\n');
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
function failureXml(failures: readonly ReportFailure[], replay: string): string {
  const message = failures.map(({ what }) => what).join('; ');
  const lines =
    failures.length === 1
      ? failures.flatMap(explanation)
      : failures.flatMap((failure) => [failure.what, ...explanation(failure).map((line) => `    ${line}`)]);
  const text = [...lines, `replay: ${replay}`].join('\n');
  return `      <failure message="${xmlAttribute(message)}">${xmlText(text)}</failure>`;
}
