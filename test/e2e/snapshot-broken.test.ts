// SPDX-License-Identifier: MIT
/**
 * A kernel that goes about snapshot(2) wrongly: each mistake must be caught, and by the proof that is there for it. The soak makes all
 * mistakes, those of copying and restoring are also made in stock cycles.
 */
import { readFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import type { Report } from '../../tools/library.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText } from './cycle-support.js';

/** The scenario in which the kernel makes `mistake`, but for what `change` does to it. */
async function broken(t: Test, mistake: string, change = (text: string): string => text): Promise<Report> {
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
const texts = ({ failures }: Report): readonly string[] =>
  failures
    .filter(({ kind }) => PROOFS.includes(kind))
    .map(({ kind, what, details }) => `${kind}: ${what}: ${details[0] ?? ''}`);

t.test('leave-writable: one page of a program is not write-protected', async (t) => {
  const report = await broken(t, 'leave-writable');
  const [first, second, third] = texts(report);
  const page = /pfn 0x\w+/.exec(first ?? '')?.[0] ?? '?';
  t.match(
    first,
    /^memory: 1 preserved pages are not write-protected: pfn 0x\w+: ([\w-]+ \(pid \d+\)) can write to it: anonymous memory, \1 at 0x/,
  );
  t.match(
    second,
    new RegExp(`^memory: 1 of \\d+ pages of the image are not what they were at the atomic copy: ${page}\\+0x`),
    'and was written',
  );
  t.match(third, new RegExp(`^image: 1 of \\d+ pages .*: ${page}\\+0x`));
});

t.test('ignore-holders: pages are preserved that lie in a pipe, too', async (t) => {
  const report = await broken(t, 'ignore-holders');
  const [first, ...others] = texts(report);
  t.match(
    first,
    /^memory: \d+ preserved pages are held by too many references: pfn 0x\w+: 3 references, 1 of them by page tables: anonymous memory, live-spliced \(pid \d+\) at 0x/,
  );
  t.same(others, [], 'nobody has written to them');
});

t.test('leave-unguarded: a raw writer reaches what is beneath a substitute', async (t) => {
  const report = await broken(t, 'leave-unguarded');
  t.match(
    texts(report)[0],
    /^disk: 8 sectors .* changed between the atomic copy and the restored kernel: sda: 8 from sector 300000: ext4: /,
  );
  t.equal(report.disk.originSectorsWritten, 8);
});

t.test('thaw-early: filesystems go on before they have substitutes', async (t) => {
  const report = await broken(t, 'thaw-early');
  t.match(
    texts(report)[0],
    /^disk: the system continued before its writes were redirected: tasks thawed at instruction \d+/,
  );
  t.match(
    report.failures.filter(({ kind }) => kind === 'disk')[1]?.details.join('\n'),
    /sda: .*: ext4: (?:journal|\/root\/now|superblock)/,
  );
  t.ok(report.disk.originSectorsWritten > 0);
});

t.test('reuse-swap: slots that the image refers to are written', async (t) => {
  const report = await broken(t, 'reuse-swap');
  t.match(
    report.failures.find(({ kind }) => kind === 'disk')?.details[0],
    /^sdb2: \d+ from sector \d+: swap slot \d+$/,
  );
  // The slots hold memory of the process that is checked, and perhaps of others. The agent, which runs the check, is one of
  // these, and then fails first.
  const lost = report.failures.find(({ kind }) => kind === 'command' || kind === 'guest');
  t.match(lost?.what, /selfcheck verify|^no such job: No such process/, 'what was swapped out is lost');
});

t.test('a mistake that finds nothing to spoil fails the run', async (t) => {
  const report = await broken(t, 'reuse-swap', (text) =>
    text.replace(/swapoff -a .*/, 'swapoff -a').replace(/^ *(?:beforeSaving.*\n.*|- run: selfcheck start.*)\n/gm, ''),
  );
  t.match(report.failures, [
    {
      kind: 'guest',
      what: /^the mistake 'reuse-swap' was requested, but the kernel did not make it: it found nothing to damage/,
    },
  ]);
});
