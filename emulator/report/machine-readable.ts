// SPDX-License-Identifier: MIT
/** Reports for other programs: KTAP for kernel test tools, JUnit for CI servers. */
import { explanation, type Report, type ReportFailure } from './model.js';

interface Case {
  readonly name: string;
  readonly failures: readonly ReportFailure[];
}

/** One case per kind of proof, in a fixed order; a kind that was not looked at is no case. */
function cases(report: Report): readonly Case[] {
  const seen: readonly (readonly [string, readonly string[], boolean])[] = [
    ['memory', ['memory'], report.memory.pagesCompared > 0],
    ['image', ['image'], report.image.pagesCompared > 0],
    ['disk', ['disk'], report.disk.sectorsCompared > 0],
    ['filesystems', ['filesystem'], report.filesystems.length > 0],
    ['self-checks', ['selfCheck'], report.selfChecks.passed + report.selfChecks.failed > 0],
    ['run', ['command', 'kernelFault', 'console', 'guest', 'control'], true],
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
    lines.push(`${report.verdict === 'pass' ? 'ok' : 'not ok'} ${index + 1} ${report.scenario.name}`);
  }
  return `${lines.join('\n')}\n`;
}

function proofLines(report: Report): readonly string[] {
  const all = cases(report);
  const lines = ['KTAP version 1', `1..${all.length}`];
  for (const [index, { name, failures }] of all.entries()) {
    for (const failure of failures) lines.push(...[failure.what, ...explanation(failure)].map((line) => `# ${line}`));
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
  const suite = xml(report.scenario.name);
  const rows = cases(report).map(({ name, failures }) => {
    const open = `    <testcase classname="${suite}" name="${xml(name)}"`;
    if (failures.length === 0) return `${open}/>`;
    const inner = failures.map(
      (failure) =>
        `      <failure message="${xml(failure.what)}">${xml([...explanation(failure), `replay: ${report.replay}`].join('\n'))}</failure>`,
    );
    return [`${open}>`, ...inner, '    </testcase>'].join('\n');
  });
  return [
    `  <testsuite name="${suite}" tests="${tests}" failures="${failed}" time="${(report.realMs / 1000).toFixed(3)}">`,
    ...rows,
    '  </testsuite>',
  ].join('\n');
}

/** Text that may stand in an XML attribute or element; characters XML cannot hold become U+FFFD. */
function xml(text: string): string {
  const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd')
    .replaceAll(/[&<>"]/g, (one) => escapes[one] ?? one);
}
