// SPDX-License-Identifier: MIT
/** snapshot(2): faults in a live timeline that is given up, at places that a run without faults has shown. */
import t from 'tap';
import { stepBegin, stepEnd, type ScenarioRun } from '../../tools/library.js';
import { runText } from './cycle-support.js';

/** What the live timeline does, and how it ends. Its filesystem is not the one that programs are started from. */
const scenario = (live: string, faults: string, after: readonly string[]): string => `name: live
control: false
disks: [root, filesystems]
console: { allow: ['I/O error, dev sdb', 'ata\\d+', 'sd \\d', 'EXT4-fs', 'JBD2', 'Buffer I/O error', 'Aborting journal'] }
steps:
  - boot
  - run: swapoff -a && mkdir -p /mnt/ext4 && ${MOUNT} && echo before > /mnt/ext4/where && sync
  - run: selfcheck start anon-memory live-fork live-huge
  - suspend: { method: sys_snapshot, then: rollback, beforeSaving: [${live}]${faults === '' ? '' : `, faults: [${faults}]`} }
${after.map((step) => `  - ${step}\n`).join('')}`;

const MOUNT = 'mount -t ext4 /dev/sdb4 /mnt/ext4';
const WRITES =
  'echo live > /mnt/ext4/where; head -c 2M /dev/zero | dd of=/mnt/ext4/more bs=64k conv=fsync 2> /dev/null';
const IS_AS_BEFORE =
  "run: { command: cat /mnt/ext4/where && ls /mnt/ext4, stdout: '^before\\nlost.found\\nwhere\\n$' }";

/** The partition of the store, whose sectors go bad. */
const STORE = 'sectors: { first: 2048, count: 327680 }';

const firstMarker = ({ machines }: ScenarioRun, wanted: number): number => {
  const seen = machines[0]?.markers.find(({ kind }) => kind === wanted);
  if (!seen) throw new Error('the run shows no such marker');
  return seen.instruction;
};

t.test('power is cut, or writes to the store fail, in the middle of a live timeline', async (t) => {
  const plain = await runText(t.testdir(), scenario(`'${WRITES}'`, '', ['verify', IS_AS_BEFORE]));
  t.same(plain.report.failures, []);
  const live = firstMarker(plain, stepEnd('thawFilesystems'));
  const back = firstMarker(plain, stepBegin('rollback'));

  await t.test('at an instruction', async (t) => {
    const cut = `{ cutPower: { instruction: ${Math.round((live + back) / 2)} } }`;
    const after = ['boot', `run: mkdir -p /mnt/ext4 && ${MOUNT}`, IS_AS_BEFORE, 'shutdown'];
    const { report } = await runText(t.testdir(), scenario(`'${WRITES}'`, cut, after));
    t.same(report.failures, []);
    t.match(report.filesystems, [{ at: 'powerOff', device: 'sda', clean: true }]);
  });

  await t.test('from a write on', async (t) => {
    const writes = plain.machines[0]?.writes[1] ?? [];
    const before = writes.filter(({ instruction }) => instruction < live).length;
    const during = writes.filter(({ instruction }) => instruction >= live && instruction < back).length;
    t.ok(during > 4, 'the store is written to');
    const fail = `{ failDisk: { write: ${before + Math.floor(during / 2)}, disk: 1, requests: writes, ${STORE} } }`;
    const after = ['verify: { proofs: [memory, disk] }', IS_AS_BEFORE, 'run: selfcheck verify'];
    const { report } = await runText(
      t.testdir(),
      scenario(`{ command: '${WRITES}', exit: 1, timeout: 3 min }`, fail, after),
    );
    t.same(report.failures, []);
  });
});

t.test('no disk is read on the way back', async (t) => {
  for (const disk of [0, 1]) {
    const fail = `{ failDisk: { marker: 'rollback:begin', disk: ${disk}, requests: reads } }`;
    const { report } = await runText(t.testdir(), scenario("'true'", fail, []));
    t.equal(report.failures.length, 1);
    t.match(
      report.failures[0]?.what,
      /did not happen/,
      `of disk ${disk}: no read has failed until the end of the step`,
    );
  }
});
