// SPDX-License-Identifier: MIT
/** snapshot(2) and filesystems: all kinds at once, refusals, and stores that are full or in memory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readReport, type Report } from '../../tools/library.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { runText, snapback } from './cycle-support.js';

const scenario = (name: string): string => packagePath('test', 'scenarios', `${name}.yaml`);

async function reportOn(name: string, dir: string): Promise<Report> {
  const json = join(dir, 'report.json');
  const run = await snapback(['run', scenario(name), '--json', json]);
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  const read = readReport(await readFile(json, 'utf8'));
  if ('problem' in read) throw new Error(read.problem);
  return read.report;
}

t.test(
  'a filesystem of each kind, in use: frozen they are clean on disk, and nothing reaches them afterwards',
  async (t) => {
    const report = await reportOn('fs-all', t.testdir({}));
    t.match(report, {
      verdict: 'pass',
      failures: [],
      disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
      memory: { pagesDiffering: 0 },
      image: { pagesDiffering: 0 },
    });
    for (const filesystem of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
      const checks = report.filesystems.filter((one) => one.filesystem === filesystem);
      t.same(
        new Set(checks.map(({ at, clean }) => `${at} ${clean}`)),
        new Set(['suspend true', 'shutdown true']),
        filesystem,
      );
    }
  },
);

t.test('what cannot be done is refused, and changes nothing', async (t) => {
  t.match(await reportOn('fs-errors', t.testdir({})), { verdict: 'pass', cycles: 0, failures: [] });
});

t.test('a store that is full spoils the live timeline only', async (t) => {
  t.match(await reportOn('fs-store-full', t.testdir({})), {
    verdict: 'pass',
    disk: { sectorsDiffering: 0, originSectorsWritten: 0 },
    image: { pagesDiffering: 0 },
  });
});

t.test('a store in memory', async (t) => {
  const { report } = await runText(
    t.testdir({}),
    `name: memory\ncontrol: false\nsteps:
  - boot
  - run: echo before > /root/where
  - suspend:
      method: sys_snapshot
      store: memory
      whileSaving:
        - echo live > /root/where && head -c 8M /dev/zero > /root/junk && sync && echo 3 > /proc/sys/vm/drop_caches
        - { command: cat /root/where, stdout: '^live$' }
        - { command: tune2fs -L live /dev/mapper/root }
  - resume
  - verify
  - run: '[ "$(cat /root/where)" = before ] && [ ! -e /root/junk ]'
  - shutdown
`,
  );
  t.same(report.failures, []);
  t.match(report.disk, { sectorsDiffering: 0, originSectorsWritten: 0 });
});
