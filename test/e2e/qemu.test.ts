// SPDX-License-Identifier: MIT
/** Scenarios in QEMU: the x86_64 kernel on two processors, power cycled, and what a replay compares. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { reportIn, snapback } from './cycle-support.js';

const SCENARIO = `name: commands on two processors
machine: { engine: qemu, arch: x86_64, processors: 2, memory: 1 GiB }
control: false
files: [{ from: ./data, to: /root/data }]
steps:
  - boot
  - run: { command: uname -m && nproc, stdout: '^x86_64\\n2\\n$' }
  - run: { command: cat /root/data, stdout: ^kept$ }
  - run: echo written > /root/new && sync
  - shutdown
  - boot
  - run: { command: cat /root/data /root/new, stdout: '^kept\\nwritten\\n$' }
  - shutdown
`;

const SNAPSHOT = `name: a snapshot on two processors
machine: { engine: qemu, arch: x86_64, processors: 2, memory: 256 MiB }
control: false
steps:
  - boot
  - run: find /etc -type f -exec md5sum {} + > /run/sums
  - suspend: { method: sys_snapshot, offTime: 1 h, compress: false }
  - resume
  - verify
  - run: md5sum -c --quiet /run/sums
  - shutdown
`;

t.test('commands, files and power cycles', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'snapback-qemu-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const [file, json] = [join(dir, 'x.yaml'), join(dir, 'x.json')];
  await writeFile(file, SCENARIO);
  await writeFile(join(dir, 'data'), 'kept\n');
  const run = await snapback(['run', file, '--json', json]);
  t.equal(run.status, 0, run.stdout + run.stderr);
  t.match(run.stdout, /release · qemu x86_64 · 2 processors · 1024 MiB/);
  t.notMatch(run.stdout, /instructions/);
  const report = await reportIn(json);
  t.match(report.machine, { engine: 'qemu', arch: 'x86_64', processors: 2, deterministic: false });
  t.ok(report.filesystems.length > 0 && report.filesystems.every(({ clean }) => clean));
  const again = await snapback(['replay', json]);
  t.equal(again.status, 0, again.stdout + again.stderr);
  t.match(again.stdout, /the same verdict; the states were not compared, because the engine qemu is not deterministic/);
});

t.test('a snapshot on two processors, with all proofs', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'snapback-qemu-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const [file, json] = [join(dir, 'x.yaml'), join(dir, 'x.json')];
  await writeFile(file, SNAPSHOT);
  const run = await snapback(['run', file, '--json', json]);
  t.equal(run.status, 0, run.stdout + run.stderr);
  const { memory, image, disk, filesystems } = await reportIn(json);
  t.ok(memory.pagesCompared > 1000);
  t.equal(memory.pagesDiffering, 0);
  t.ok(image.pagesCompared > 1000);
  t.equal(image.pagesDiffering, 0);
  t.equal(disk.originSectorsWritten, 0);
  t.ok(filesystems.length > 1 && filesystems.every(({ clean }) => clean));
});
