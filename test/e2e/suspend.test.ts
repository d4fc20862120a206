// SPDX-License-Identifier: MIT
/** `snapctl suspend`: people are asked on the console when the image cannot be saved. */
import t from 'tap';
import { stepEnd, type Recorder } from '../../tools/library.js';
import { resultOf, shell } from '../../emulator/cycle/commands.js';
import type { StopReason } from '../../emulator/machine/contract.js';
import { bootable } from './guest-support.js';

/** With virtual consoles, on a screen that graphics may take. */
const { inGuest } = await bootable({ cmdline: ['console=tty0', 'console=ttyS0'] });

/** On the store for changes is no filesystem, so no image can be saved there. */
const PLACE = '/dev/sdb1:/snapshot';

/** Prints which virtual console is in front when the question is there. The agent is stopped as long as that stands. */
const WATCH_SCREEN =
  "while :; do active=$(cat /sys/class/tty/tty0/active); fold -w 80 /dev/vcs${active#tty} | grep -q '^  r  roll back' && break; sleep 0.1; done; echo $active";

const consoleOf = (recorder: Recorder): string => new TextDecoder().decode(recorder.seen().console);

/** Runs until the console shows this once more than before. */
async function until(recorder: Recorder, text: string | RegExp): Promise<void> {
  const times = (): number => consoleOf(recorder).split(text).length;
  const before = times();
  for (let tenths = 0; times() === before; tenths++) {
    if (tenths > 300)
      throw new Error(`the console does not show ${String(text)}:\n${consoleOf(recorder).slice(-2000)}`);
    await recorder.machine.run({ virtualMsMax: 100 });
  }
}

/** Presses keys of the serial line, if any, and runs until the machine stops or goes back to a snapshot, for at most a minute. */
const press = async (recorder: Recorder, keys: string): Promise<StopReason['why']> => {
  const { reason } = await recorder.machine.run({
    virtualMsMax: 60_000,
    ...(keys !== '' && { send: [{ channel: 'console', bytes: new TextEncoder().encode(keys) }] }),
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

    // The screen is taken by a program that lets go of it, and by one that does not.
    for (const [graphics, seen] of [
      ['graphics 7', /^(?!tty7$)tty\d+$/m],
      ['graphics 7 hung', /^tty7$/m],
    ] as const) {
      const screen = await agent.spawn(shell(`exec ${graphics}`));
      for (let tenths = 0; !/^tty7$/m.test((await run('cat /sys/class/tty/tty0/active')).stdout); tenths++)
        if (tenths > 100) throw new Error(`${graphics} does not come to the front`);
      const watcher = await agent.spawn(shell(WATCH_SCREEN));
      const job = await asked('--no-recovery');
      await recorder.machine.run({ virtualMsMax: 1000 });
      t.equal(await press(recorder, 'c'), 'trigger');
      t.equal(resultOf(await agent.wait(job)).exitCode, 6);
      t.match(resultOf(await agent.wait(watcher)).stdout, seen, `where the question was seen, with ${graphics}`);
      t.match((await run('cat /sys/class/tty/tty0/active')).stdout, /^tty7$/m, `${graphics} is in front again`);
      await agent.kill(screen, 9);
      await agent.wait(screen);
      await run('chvt 1');
    }

    // On a terminal: a bar, and how much is done when a signal asks.
    const bar = await agent.spawn(shell('snapctl suspend --no-recovery /dev/sdb3:/snapshot 2> /dev/ttyS0'));
    await until(recorder, /\] [1-9]\d* %/);
    // Not answered at once, so that what it brings about is still to come.
    const signal = (name: string) =>
      agent.spawn(shell(`sleep 0.1; kill -${name} $(pidof snapctl | tr ' ' '\\n' | sort -n | head -n 1)`));
    await signal('USR1');
    await until(recorder, ' MiB, ');
    t.match(consoleOf(recorder), /\rsnapctl: saving the image \[#* +\] [1-9]\d* %/);
    t.match(consoleOf(recorder), /\nsnapctl: saving the image: [1-9]\d* of [1-9]\d+ MiB, [1-9]\d* %\r\n/);
    await signal('TERM');
    await until(recorder, 'Press a key');
    t.match(consoleOf(recorder), /was not saved to \/dev\/sdb3:\/snapshot: it was interrupted, after (\d+) of \1 MiB/);
    t.equal(await press(recorder, 'c'), 'trigger');
    t.equal(resultOf(await agent.wait(bar)).exitCode, 6);

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
    // Elsewhere, the kernel's log tells how far it is.
    const last = consoleOf(recorder).slice(consoleOf(recorder).lastIndexOf('The place (FILE'));
    const told = [...last.matchAll(/\] snapctl: (saving the image|reading the image back): (\d+) %\r\n/g)];
    const between = ['saving the image', 'reading the image back'].flatMap((what) => {
      const shown = told.flatMap(([, task, percent]) => (task === what ? [Number(percent)] : []));
      t.match([shown.at(0), shown.at(-1)], [0, 100], what);
      t.same(
        shown,
        [...new Set(shown)].sort((a, b) => a - b),
        'once each, in order',
      );
      t.ok(
        shown.every((percent) => percent % 10 === 0),
        'in steps of ten',
      );
      return shown.slice(1, -1);
    });
    t.ok(between.length > 0, 'and in between');
  }),
);

t.test('a key switches the machine off without an image', (t) =>
  inGuest(async (agent, recorder) => {
    await agent.spawn(shell(`snapctl suspend ${PLACE}`));
    await until(recorder, 'Press a key');
    t.equal(await press(recorder, 'p'), 'halted');
    const last = consoleOf(recorder).slice(consoleOf(recorder).lastIndexOf('Press a key'));
    t.match(last, /snapctl: power off\r\n.*reboot: Power/);
    t.notMatch(last, /rolled back|committed|Press a key.*Press a key/s);
  }),
);

t.test('a key of the keyboard decides', (t) =>
  inGuest(async (agent, recorder) => {
    // Half a second later, so that it is not over before it is looked at.
    await agent.spawn(shell(`${WATCH_SCREEN}; sleep 0.5; press-keys r`));
    const job = await agent.spawn(shell(`snapctl suspend ${PLACE}`));
    await until(recorder, 'Press a key');
    t.equal(await press(recorder, ''), 'trigger');
    t.equal(resultOf(await agent.wait(job)).exitCode, 5);
  }),
);
