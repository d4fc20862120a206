// SPDX-License-Identifier: MIT
/** What tests of deliberately broken guests share: how they are run, and what is said of them. */
import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';
import type { Report } from '../../tools/library.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText } from './cycle-support.js';

/** The kinds of all findings, in the order of the alphabet. */
export const kindsOf = ({ failures }: Report): readonly string[] =>
  [...new Set(failures.map(({ kind }) => kind))].sort();

/** A cycle whose suspend, resume or kernel is broken. */
export async function brokenCycle(
  dir: string,
  parts: { readonly suspend?: string; readonly resume?: string; readonly kernel?: string },
): Promise<Report> {
  const mistake =
    parts.kernel === undefined ? '' : `  - run: echo ${parts.kernel} > /sys/module/rig/parameters/break\n`;
  const text = `name: broken
control: false
steps:
  - boot
${mistake}  - suspend: ${parts.suspend ?? '{ method: swsusp }'}
  - resume: ${parts.resume ?? '{}'}
  - verify
  - shutdown
`;
  return (await runText(dir, text)).report;
}

/** The scenario in which the kernel makes `mistake`, but for what `change` does to it. */
export async function brokenScenario(
  t: Test,
  mistake: string,
  change = (text: string): string => text,
): Promise<Report> {
  const { report } = await runText(
    t.testdir({}),
    change(await readFile(packagePath('test', 'scenarios', `broken-${mistake}.yaml`), 'utf8')),
  );
  t.equal(report.verdict, 'fail', `${mistake} fails the run`);
  return report;
}

/**
 * What the proofs have found. What becomes of a program whose memory is spoilt is another matter, and left to chance.
 */
const PROOFS = ['memory', 'image', 'disk'];
export const proofTexts = ({ failures }: Report): readonly string[] =>
  failures
    .filter(({ kind }) => PROOFS.includes(kind))
    .map(({ kind, what, details }) => `${kind}: ${what}: ${details[0] ?? ''}`);
