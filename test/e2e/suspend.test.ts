// SPDX-License-Identifier: MIT
/** `snapctl suspend`: people are asked on the console when the image cannot be saved. */
import t from 'tap';
import { stepEnd, type Recorder } from '../../tools/library.js';
import { resultOf, shell } from '../../emulator/cycle/commands.js';
import type { StopReason } from '../../emulator/machine/contract.js';
import { bootable } from './guest-support.js';

const { inGuest } = await bootable();

/** On the store for changes is no filesystem, so no image can be saved there. */
const PLACE = '/dev/sdb1:/snapshot';

const consoleOf = (recorder: Recorder): string => new TextDecoder().decode(recorder.seen().console);

/** Runs until the console shows this once more than before. */
async function until(recorder: Recorder, text: string): Promise<void> {
  const times = (): number => consoleOf(recorder).split(text).length;
  const before = times();
  for (let tenths = 0; times() === before; tenths++) {
    if (tenths > 300) throw new Error(`the console does not show ${text}:\n${consoleOf(recorder).slice(-2000)}`);
    await recorder.machine.run({ virtualMsMax: 100 });
  }
}

/** Presses keys, and runs until the machine stops or goes back to a snapshot, for at most a minute. */
const press = async (recorder: Recorder, keys: string): Promise<StopReason['why']> => {
  const { reason } = await recorder.machine.run({
    virtualMsMax: 60_000,
    send: [{ channel: 'console', bytes: new TextEncoder().encode(keys) }],
    triggers: ['thawTasks', 'commit'].map((step) => ({
      when: { on: 'marker', kind: stepEnd(step as 'thawTasks' | 'commit') },
      then: { do: 'stop' },
    })),
  });
  return reason.why;
};

t.test('a key decides what becomes of a live timeline whose image cannot be saved', (t) =>
  inGuest(async (agent, recorder) => {
    const run = async (command: string) => resultOf(await agent.exec(shell(command)));
    const asked = async (options: string) => {
      const job = await agent.spawn(shell(`snapctl suspend ${options} ${PLACE} 2> /run/said`));
      await until(recorder, 'Press a key');
      return job;
    };
    for (const lost of [
      '/root/image',
      'image',
      '/run/image',
      '-',
      '/dev/sda',
      '/dev/none:/image',
      '/etc/motd:/image',
    ]) {
      const { exitCode, stderr } = await run(`snapctl suspend ${lost}`);
      t.match(
        [exitCode, stderr],
        [1, /ends with the live timeline|cannot be read back|No such file|is not a block device/],
        lost,
      );
    }

    const back = await asked('');
    t.match(
      consoleOf(recorder),
      /the image was not saved to \/dev\/sdb1:\/snapshot: it could not be written, after 0 of \d+ MiB/,
    );
    t.match(consoleOf(recorder), /\/dev\/sdb1: holds no filesystem that an image could be on/, 'why');
    t.equal(await press(recorder, 'xr'), 'trigger', 'a key that means nothing, and roll back');
    t.equal(resultOf(await agent.wait(back)).exitCode, 5);
    t.match((await run('cat /run/said')).stdout, /^snapctl: rolled back$/m);

    const on = await asked('--no-recovery');
    t.equal(await press(recorder, 'c'), 'trigger', 'commit');
    t.equal(resultOf(await agent.wait(on)).exitCode, 6);
    t.match((await run('cat /run/said')).stdout, /committed: the system goes on/);
    // It did not get the keys.
    t.equal(await press(recorder, 'echo $((40 + 2)) keys\r'), 'timeout');
    t.match(consoleOf(recorder), /^42 keys\r$/m, 'the shell of the console reads again');

    await asked('--on-failure poweroff --timeout 3600');
    t.match(consoleOf(recorder), /Without a key, in 3600 seconds: power off/);
    t.equal(await press(recorder, 't/dev/sdb3:/snapsho\b\bot\r'), 'halted', 'another place, with a slip of the keys');
  }),
);
