// SPDX-License-Identifier: MIT
/** The names of disks do not depend on the order in which the kernel finds them; and a boot stops where one is missing. */
import { join } from 'node:path';
import t from 'tap';
import { Agent, byteCache, DEFAULT_MACHINE, obtainMachineFiles, STANDARD_DISKS } from '../../tools/library.js';
import { bootStates, machineAt } from '../../emulator/cycle/boot.js';
import { resultOf, shell } from '../../emulator/cycle/commands.js';
import { createQemuEngine } from '../../emulator/engines/qemu/host-node/engine.js';
import { context, runText } from './cycle-support.js';

t.test('disks that the kernel finds in the reverse order get their names all the same', async (t) => {
  const { config, configKey } = await obtainMachineFiles(
    { ...DEFAULT_MACHINE, engine: 'qemu', arch: 'x86_64', processors: 2 },
    STANDARD_DISKS,
    context,
  );
  const cache = byteCache(join(context.cacheDir, 'checkpoints'));
  const engine = createQemuEngine({ disksReversed: true });
  const { machine, seen } = await machineAt('agentReady', { engine, config, configKey, cache }, bootStates());
  try {
    const agent = new Agent(machine);
    await agent.connect();
    const found = await agent.exec(
      shell(
        'blockdev --getsize64 /dev/sda /dev/sdb; readlink -f /dev/disk/by-partlabel/store; grep -o ^/dev/sdb2 /proc/swaps',
      ),
      { virtualMsMax: 60_000 },
    );
    const sizes = config.disks.map(({ base }) => base.length);
    t.match(resultOf(found).stdout, `${sizes.join('\n')}\n/dev/sdb3\n/dev/sdb2\n`);
    t.match(new TextDecoder().decode(seen().console), /init: the kernel found the disks in another order/);
  } finally {
    await machine.close();
  }
});

t.test('a boot stops when the device of an image is missing, and goes on when it is told so', async (t) => {
  const booting = (cmdline: string, step = ''): ReturnType<typeof runText> =>
    runText(
      t.testdir({}),
      `name: x\ncontrol: false\nmachine: { cmdline: 'rig.wait=50 ${cmdline}' }\nsteps: [boot${step}]\n`,
    );
  const stopped = (await booting('resume=/dev/sdb9')).report;
  t.match(stopped.failures, [
    {
      kind: 'guest',
      what: /the boot stopped: resume=\/dev\/sdb9: .*\(devices: .*sdb3.*\)$/,
      remedy: /add rig\.noresume to the kernel command line/,
    },
  ]);
  const { report } = await booting('resume=/dev/sdb9 rig.noresume', ', { run: uname }, shutdown');
  t.equal(report.verdict, 'pass');
});
