// SPDX-License-Identifier: MIT
/** A validation for other programs: KTAP for kernel test tools, JUnit for CI servers. A test per cell, after one of the build. */
import type { Finding } from '../cycle/outcome.js';
import { ktapComments, ktapName, xmlAttribute, xmlText } from '../report/escape.js';
import { countsXml } from '../report/machine-readable.js';
import type { CellComparison } from './compare.js';
import { remarkLines } from './remarks.js';
import { percentText } from './text.js';
import type { Validation } from './validation.js';

const SUITE = 'snapback validate';
const NOT_RUN = 'it was not run';

interface Test {
  readonly name: string;
  /** Why it failed, line by line; undefined when it has not. */
  readonly failure: readonly string[] | undefined;
  /** The failure is not that of the patches. */
  readonly isError: boolean;
  /** Why it says nothing about the patches; undefined when it does. */
  readonly skipped: string | undefined;
  /** Lines about what is no failure: figures of a cell, remarks of compiler and other tools about the build. */
  readonly notes: readonly string[];
}

function testsOf(validation: Validation): readonly Test[] {
  const { buildFailure, cells, notRun, kernels, ended } = validation;
  const isBuilt = kernels !== undefined || buildFailure !== undefined;
  return [
    {
      name: 'build',
      failure: buildFailure && [buildFailure.where, ...buildFailure.details],
      isError: false,
      skipped: isBuilt ? undefined : NOT_RUN,
      notes: remarkLines(validation),
    },
    ...cells.map(testOf),
    ...notRun.map((name) => ({ name, failure: undefined, isError: false, skipped: NOT_RUN, notes: [] })),
    ...(ended === undefined
      ? []
      : [{ name: 'run', failure: [ended.reason, ...ended.details], isError: true, skipped: undefined, notes: [] }]),
  ];
}

function testOf({ cell, change, base, patched, newFindings, figures }: CellComparison): Test {
  return {
    name: cell.name,
    failure:
      change === 'broken'
        ? [...linesOf(base.verdict === 'pass' ? patched.findings : newFindings), `replay: ${patched.replay}`]
        : undefined,
    isError: false,
    skipped: change === 'broken before' ? 'it fails without the patches, too' : undefined,
    notes: [
      change,
      ...figures.map((one) => `${one.title}: ${one.base}, now ${one.patched} (${percentText(one.percent)}, ${one.is})`),
    ],
  };
}

const linesOf = (findings: readonly Finding[]): readonly string[] =>
  findings.flatMap(({ kind, what, details }) => [`${kind}: ${what}`, ...details.map((line) => `  ${line}`)]);

/** KTAP version 1: one test, whose subtests are the build, the cells, and the run if it ended early. */
export function renderValidationKtap(validation: Validation): string {
  const tests = testsOf(validation);
  const lines = ['KTAP version 1', '1..1', '  KTAP version 1', `  1..${tests.length}`];
  for (const [index, { name, failure, skipped, notes }] of tests.entries()) {
    for (const note of [...notes, ...(failure ?? [])]) lines.push(...ktapComments(note).map((line) => `  # ${line}`));
    const directive = skipped === undefined ? '' : ` # SKIP ${ktapName(skipped)}`;
    lines.push(`  ${failure === undefined ? 'ok' : 'not ok'} ${index + 1} ${ktapName(name)}${directive}`);
  }
  const failed = tests.some(({ failure }) => failure !== undefined);
  lines.push(`${failed ? 'not ok' : 'ok'} 1 ${ktapName(SUITE)}`);
  return `${lines.join('\n')}\n`;
}

/** JUnit XML: one suite. */
export function renderValidationJunit(validation: Validation): string {
  const tests = testsOf(validation);
  const failures = tests.filter(({ failure, isError }) => failure !== undefined && !isError).length;
  const errors = tests.filter(({ isError }) => isError).length;
  const counts = countsXml({ tests: tests.length, failures, errors });
  const skipped = tests.filter((test) => test.skipped !== undefined).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xmlAttribute(SUITE)}" ${counts} skipped="${skipped}" time="0.000">`,
    ...tests.map(caseXml),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function caseXml({ name, failure, isError, skipped, notes }: Test): string {
  const open = `    <testcase classname="${xmlAttribute(SUITE)}" name="${xmlAttribute(name)}" time="0.000"`;
  const tag = isError ? 'error' : 'failure';
  const inner = [
    ...(skipped === undefined ? [] : [`      <skipped message="${xmlAttribute(skipped)}"/>`]),
    ...(failure === undefined
      ? []
      : [`      <${tag} message="${xmlAttribute(failure[0] ?? '')}">${xmlText(failure.join('\n'))}</${tag}>`]),
    ...(notes.length === 0 ? [] : [`      <system-out>${xmlText(notes.join('\n'))}</system-out>`]),
  ];
  return inner.length === 0 ? `${open}/>` : [`${open}>`, ...inner, '    </testcase>'].join('\n');
}
