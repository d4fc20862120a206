// SPDX-License-Identifier: MIT
/**
 * A kernel that goes about snapshot(2) wrongly: each mistake must be caught, and by the proof that is there for it. The soak makes all
 * mistakes, those of copying and restoring are also made in stock cycles.
 */
import t from 'tap';
import { brokenScenario, proofTexts } from './broken.js';

t.test('leave-writable: one page of a program is not write-protected', async (t) => {
  const report = await brokenScenario(t, 'leave-writable');
  const [first, second, third] = proofTexts(report);
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

t.test('leave-unguarded: a raw writer reaches what is beneath a substitute', async (t) => {
  const report = await brokenScenario(t, 'leave-unguarded');
  t.match(
    proofTexts(report)[0],
    /^disk: 8 sectors .* changed between the atomic copy and the restored kernel: sda: 8 from sector 300000: ext4: /,
  );
  t.equal(report.disk.originSectorsWritten, 8);
});

t.test('a mistake that finds nothing to spoil fails the run', async (t) => {
  const report = await brokenScenario(t, 'reuse-swap', (text) =>
    text.replace(/swapoff -a .*/, 'swapoff -a').replace(/^ *(?:beforeSaving.*\n.*|- run: selfcheck start.*)\n/gm, ''),
  );
  t.match(report.failures, [
    {
      kind: 'guest',
      what: /^the mistake 'reuse-swap' was requested, but the kernel did not make it: it found nothing to damage/,
    },
  ]);
});
