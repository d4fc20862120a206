// SPDX-License-Identifier: MIT
/** snapshot(2) and filesystems: all kinds at once, refusals, stores that are full or in memory, and the order of freezing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Agent, bootStates, byteCache, createV86Engine, DEFAULT_MACHINE, obtainMachineFiles, readReport, record, restoreAt, STANDARD_DISKS, type Booter, type Report } from '../../emulator/index.js';
import { MARKER_LAYOUT, stepBegin, stepEnd } from '../../emulator/machine/markers.js';
import { gpaOfPfn, PAGE_BYTES, pfnOfGpa } from '../../emulator/machine/units.js';
import { symbolGpa, type GuestKernel } from '../../emulator/memory/kernel.js';
import { parseLayout } from '../../emulator/memory/layout.js';
import { parseSystemMap } from '../../emulator/memory/symbols.js';
import { tasks, userMaps } from '../../emulator/memory/tasks.js';
import { guestMemory } from '../../emulator/memory/view.js';
import { packagePath } from '../../tools/artifacts/paths.js';
import { context, runText, snapback } from './cycle-support.js';

const scenario = (name: string): string => packagePath('test', 'scenarios', `${name}.yaml`);

async function reportOn(name: string, dir: string): Promise<Report> {
  const json = join(dir, 'report.json');
  const run = await snapback(['run', scenario(name), '--json', json]);
  if (run.status !== 0) throw new Error(run.stdout + run.stderr);
  const read = readReport(await readFile(json, 'utf8'));
  if ('problem' in read) throw new Error(read.problem);
  return read.report;
}

t.test('a filesystem of each kind, in use: frozen they are clean on disk, and nothing reaches them afterwards', async (t) => {
  const report = await reportOn('fs-all', t.testdir({}));
  t.match(report, { verdict: 'pass', failures: [], disk: { sectorsDiffering: 0, originSectorsWritten: 0 }, memory: { pagesDiffering: 0 }, image: { pagesDiffering: 0 } });
  for (const filesystem of ['ext4', 'xfs', 'btrfs', 'f2fs', 'vfat']) {
    const checks = report.filesystems.filter((one) => one.filesystem === filesystem);
    t.same(new Set(checks.map(({ at, clean }) => `${at} ${clean}`)), new Set(['suspend true', 'shutdown true']), filesystem);
  }
});

t.test('what cannot be done is refused, and changes nothing', async (t) => {
  t.match(await reportOn('fs-errors', t.testdir({})), { verdict: 'pass', cycles: 0, failures: [] });
});

t.test('a store that is full spoils the live timeline only', async (t) => {
  t.match(await reportOn('fs-store-full', t.testdir({})), { verdict: 'pass', disk: { sectorsDiffering: 0, originSectorsWritten: 0 }, image: { pagesDiffering: 0 } });
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

/**
 * What these programs have in memory depends on how long they were let work: until tasks were frozen. The agent was
 * told of the order itself.
 */
const AT_WORK = /^(rig-agent|anon-(rewritten|shared)|children|clocks|disk-writers|fpu|futex|live-|pipe-flow|seccomp|signal-traffic|tcp-flow|thread-|timer-)/;

t.test('either order of freezing gives the same image of the same work', async (t) => {
  const { config, configKey, systemMap } = await obtainMachineFiles(DEFAULT_MACHINE, STANDARD_DISKS, context);
  const booter: Booter = { engine: createV86Engine(), config, configKey, cache: byteCache(join(context.cacheDir, 'checkpoints')) };
  const ready = await bootStates().at('agentReady', booter);
  const layoutAt = ready.seen.markers.find(({ kind }) => kind === MARKER_LAYOUT);
  if (layoutAt === undefined) throw new Error('the kernel has no layout table');
  const symbols = parseSystemMap(systemMap);

  const { machine } = await restoreAt(ready, booter);
  const agent = new Agent(machine);
  await agent.connect();
  t.match(await agent.exec(['selfcheck', 'start']), { ended: 'exited', exitCode: 0 });
  const checkpoint = await machine.checkpoint();
  await machine.close();

  const pagesWith = async (order: string): Promise<Map<string, Uint8Array>> => {
    const recorder = record(await booter.engine.restore(config, checkpoint), { diskCount: config.disks.length });
    const fork = new Agent(recorder.machine);
    await fork.connect();
    const call = `echo ${order} > /sys/kernel/snapshot/freeze_order && exec snapctl take -c /dev/sdb1 true`;
    const end = await fork.exec(['/bin/sh', '-c', call], {
      triggers: [
        { when: { on: 'marker', kind: stepBegin('copy') }, then: { do: 'capture', label: order } },
        { when: { on: 'marker', kind: stepEnd('copy') }, then: { do: 'stop' } },
      ],
    });
    t.equal(end.ended, 'stopped', order);
    const [capture] = recorder.takeCaptures();
    await recorder.machine.close();
    if (capture === undefined) throw new Error('no copy was made');
    const memory = guestMemory(capture.memory);
    return pagesOfPrograms({ memory, symbols, layout: parseLayout(memory.bytes.subarray(layoutAt.word0, layoutAt.word0 + layoutAt.word1)) });
  };
  const tasksFirst = await pagesWith('tasks-first');
  const filesystemsFirst = await pagesWith('filesystems-first');

  const resting = [...new Set([...tasksFirst.keys(), ...filesystemsFirst.keys()])].filter((page) => !AT_WORK.test(page));
  const differing = resting.filter((page) => Buffer.compare(tasksFirst.get(page) ?? Buffer.alloc(0), filesystemsFirst.get(page) ?? Buffer.alloc(0)) !== 0);
  t.ok(resting.length > 5000, `${resting.length} pages compared`);
  t.same(differing, []);
});

/** All that programs have in memory, by program and address, but the page from which they read the time. */
function pagesOfPrograms(kernel: GuestKernel): Map<string, Uint8Array> {
  const { memory } = kernel;
  const clock = gpaOfPfn(pfnOfGpa(symbolGpa(kernel, '_vdso_data')));
  const found = new Map<string, Uint8Array>();
  for (const [frame, users] of userMaps(kernel, tasks(kernel)).byFrame) {
    const at = gpaOfPfn(frame);
    if (at + PAGE_BYTES > memory.bytes.length || at === clock) continue;
    for (const { task, address } of users) found.set(`${task.comm} (${task.pid}) at 0x${address.toString(16)}`, memory.bytes.subarray(at, at + PAGE_BYTES));
  }
  return found;
}
