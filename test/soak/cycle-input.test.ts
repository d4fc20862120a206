// SPDX-License-Identifier: MIT
/** Kernels that do not boot are told clearly, and each is replayed as itself. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Report } from '../../tools/library.js';
import { reportIn, snapback } from '../e2e/cycle-support.js';

t.test(
  'kernels that do not boot show their consoles, and leave what they did, and each replay is of its own failure',
  async (t) => {
    const dir = t.testdir({});
    const failing = async (
      cmdline: string,
      said: RegExp,
    ): Promise<{ readonly json: string; readonly report: Report }> => {
      const [file, json, log] = ['x.yaml', 'json', 'console'].map((end) =>
        join(dir, `${cmdline.slice(0, 4)}.${end}`),
      ) as [string, string, string];
      await writeFile(file, `name: x\nmachine: { cmdline: '${cmdline}' }\nsteps: [boot]\n`);
      const run = await snapback(['run', file, '--json', json, '--console', log]);
      t.equal(run.status, 1, run.stderr);
      t.match(run.stdout, said, 'the report shows the cause');
      t.match(run.stdout, /what to do: /);
      t.match(await readFile(log, 'utf8'), said, 'the console is kept');
      const report = await reportIn(json);
      t.ok(report.instructions > 1_000_000, `${report.instructions} instructions`);
      const replay = await snapback(['replay', json]);
      t.match(replay.stdout, /the same run: state/);
      t.equal(replay.status, 1, 'the guest fails again');
      return { json, report };
    };
    const noInit = await failing('rdinit=/nothing', /Kernel panic - not syncing: VFS: Unable to mount root fs/);
    t.equal(noInit.report.verdict, 'fail');
    t.match(noInit.report.failures[0], { kind: 'guest', what: /awaited the kernel to start its init, but/ });
    t.match(noInit.report.failures[0]?.details.join('\n'), /Kernel panic|No working init/);
    const noRoot = await failing('root=/dev/sdb9', /sdb9/);
    t.not(noInit.report.stateHash, noRoot.report.stateHash);

    const stateless = JSON.parse(await readFile(noInit.json, 'utf8')) as Record<string, unknown>;
    stateless['stateHash'] = createHash('sha256').digest('hex');
    await writeFile(noInit.json, JSON.stringify(stateless));
    const refused = await snapback(['replay', noInit.json]);
    t.equal(refused.status, 2);
    t.match(refused.stderr, /holds no state/);
  },
);
