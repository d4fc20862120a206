// SPDX-License-Identifier: MIT
/** A mistake counts as caught when the proof that is there for it names it. */
import t from 'tap';
import { FAULT_IDS } from '../../../emulator/host/browser/session/additions.js';
import { FINDINGS_OF_FAULTS, notNamed } from '../../../tools/soak/faults.js';
import { FINDINGS_OF_MISTAKES, notCaught } from '../../../tools/soak/mistakes.js';
import { scenarioNames } from '../../../tools/run/scenario-names.js';

t.test('every broken kernel has findings that must be made', (t) => {
  const mistakes = scenarioNames().flatMap((name) => (name.startsWith('broken-') ? [name.slice(7)] : []));
  t.ok(mistakes.length > 10);
  t.same(Object.keys(FINDINGS_OF_MISTAKES).sort(), mistakes);
  t.end();
});

t.test('every fault of the page has findings that must be made', (t) => {
  t.same(Object.keys(FINDINGS_OF_FAULTS).sort(), [...FAULT_IDS].sort());
  for (const wanted of Object.values(FINDINGS_OF_FAULTS)) t.ok(wanted.length > 0);
  const report = {
    failures: [
      {
        kind: 'memory' as const,
        what: '1 of 9 pages of the image are not what they were at the atomic copy',
        details: ['pfn 0x17: linux_banner'],
        replay: '',
      },
    ],
  };
  t.same(notNamed('flipRestored', report), []);
  t.match(notNamed('alterSector', report), [/^not found: /, /^found: memory: 1 of 9 pages/]);
  t.match(notNamed('no-such', report), [/nobody has said/]);
  t.end();
});

t.test('a mistake that another proof stumbles over is not caught', (t) => {
  const found = (what: string, detail: string) => ({
    failures: [{ kind: 'memory' as const, what, details: [detail], replay: '' }],
  });
  const kept = found('1 of 9 pages of the image are not what they were', 'kept_pfn');
  const again = found(
    '1 pages of programs were not given back after an earlier snapshot',
    'pfn 0x1: 3 references, 1 of them by page tables: anonymous memory, sleep (pid 7) at 0x5000',
  );
  t.same(notCaught('keep-reference', { failures: [...kept.failures, ...again.failures] }), []);
  t.match(notCaught('keep-reference', kept), [/^not found: .*given back/, /^found: memory: .*kept_pfn$/]);
  t.match(notCaught('keep-reference', { failures: [] }), [/^not found/, /^not found/, 'nothing was found']);
  t.match(notCaught('no-such', kept), [/nobody has said/]);
  t.end();
});

t.test('what a page does later is only certain where every run is the same', (t) => {
  const writable = {
    kind: 'memory' as const,
    what: '1 preserved pages are not write-protected',
    details: ['pfn 0x8664: init (pid 1) can write to it: anonymous memory, init (pid 1) at 0x004f9000'],
    replay: '',
  };
  const machine = { engine: 'x', arch: 'i386', processors: 1, countsInstructions: true };
  const caught = (deterministic: boolean) =>
    notCaught('leave-writable', { failures: [writable], machine: { ...machine, deterministic } });
  t.same(caught(false), []);
  t.match(caught(true), [/^not found: \^memory: 1 of/, /^not found: \^image: 1 of/, /^found: memory/]);
  t.end();
});
