// SPDX-License-Identifier: MIT
/**
 * The suspend/resume cycle in QEMU: the same guest, the same commands by the same agent, power cycled by a new process.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../../../emulator/agent/agent.js';
import { resultOf, shell } from '../../../emulator/cycle/commands.js';
import { swapOfCommandLine } from '../../../emulator/cycle/swap-place.js';
import { hibernation } from '../../../emulator/cycle/swsusp.js';
import type { MachineFiles } from '../../run/machine-files.js';
import { GuestError, RigError } from '../../../emulator/machine/errors.js';
import { stepEnd, USER_MARKERS } from '../../../emulator/machine/markers.js';
import type { ArmedTrigger } from '../../../emulator/agent/triggers.js';
import { command } from '../../../emulator/host/node/process.js';
import { CHECK, stopwatch, TIMEOUT_MS, WORK, type CycleSample } from '../workload.js';
import { startQemu, type QemuMachine } from './machine.js';

/** Measured from the start of the first process to the end of the check in the second. */
export interface QemuSample extends CycleSample {
  /**
   * The time without the part before the agent is ready in the first process, and the part before the initramfs reads a
   * disk in the second. Undefined after a start from saved states, which were made at these points.
   */
  readonly withoutBootsMs: number | undefined;
}

export interface QemuBench {
  /** One cycle on fresh copies of the disks. Copying is not measured. */
  cycle(from: 'powerOn' | 'savedStates'): Promise<QemuSample>;
  /** Removes all files. */
  close(): Promise<void>;
}

/** Shown when the kernel has read the partition tables; the initramfs starts some 200 ms later. */
const DISKS_FOUND = '[sdb] Attached SCSI disk';
const STOPS_MAX = 10;

/** Prepares the files, and the two states from which the cycle from saved states starts. */
export async function createQemuBench(files: MachineFiles, signal: AbortSignal): Promise<QemuBench> {
  const { memoryMiB, kernel, initrd, cmdline, wallClockMs } = files.config;
  const root = await mkdtemp(join(tmpdir(), 'snapback-bench-'));
  const [kernelPath, initrdPath] = [join(root, 'kernel'), join(root, 'initrd')];
  const states = { beforeDisk: join(root, 'before-disk.state'), agentReady: join(root, 'agent-ready.state') };
  const usedDisks = files.disks.map((_, index) => join(root, `used${index}.img`));
  const context = { signal };

  const copy = async (from: readonly string[], to: readonly string[]): Promise<void> => {
    for (const [index, path] of from.entries())
      await command('cp', ['--sparse=always', path, to[index] ?? ''], context);
  };
  let started = 0;
  const start = async (diskPaths: readonly string[], statePath?: string): Promise<QemuMachine> => {
    const dir = join(root, String(started++));
    await mkdir(dir);
    return startQemu({
      memoryMiB,
      kernelPath,
      initrdPath,
      cmdline,
      wallClockMs,
      diskPaths,
      dir,
      signal,
      ...(statePath !== undefined && { statePath }),
    });
  };

  const saveStates = async (): Promise<void> => {
    await copy(
      files.disks.map(({ path }) => path),
      usedDisks,
    );
    await saveBeforeDisk();
    const late = await start(usedDisks, states.beforeDisk);
    await closing(late, async () => {
      await late.resumeState();
      await reach(late, USER_MARKERS.agentReady);
      await late.stop();
      await late.saveState(states.agentReady);
    });
  };

  /**
   * QEMU cannot be stopped at the marker itself: it is stopped at the last line that the kernel prints well before it.
   */
  const saveBeforeDisk = async (): Promise<void> => {
    for (let attempt = 1; attempt <= STOPS_MAX; attempt++) {
      const early = await start(usedDisks);
      const caught = await closing(early, async () => {
        await early.consoleShows(DISKS_FOUND);
        await early.stop();
        if (early.hasSeen(USER_MARKERS.beforeDisk)) return false;
        await early.saveState(states.beforeDisk);
        return true;
      });
      if (caught) return;
      await copy(
        files.disks.map(({ path }) => path),
        usedDisks,
      );
    }
    throw new RigError(`QEMU's guest could not be stopped before it read its disks, in ${STOPS_MAX} attempts`, {
      remedy: 'give the host some peace, and try again',
    });
  };

  const cycle = async (from: 'powerOn' | 'savedStates'): Promise<QemuSample> => {
    const saved = from === 'savedStates';
    const disks = files.disks.map((_, index) => join(root, `disk${index}.img`));
    await copy(saved ? usedDisks : files.disks.map(({ path }) => path), disks);

    const watch = stopwatch();
    const first = await start(disks, saved ? states.agentReady : undefined);
    const { agent, job, haltedMs, cpuMs } = await closing(first, async () => {
      if (saved) await first.resumeState();
      else await reach(first, USER_MARKERS.agentReady);
      const agent = new Agent(first, { signal });
      await agent.connect();
      watch.lap('boot');
      await succeed(agent, WORK);
      watch.lap('work');
      const end = await agent.exec(shell(hibernation(swapOfCommandLine(files.config.cmdline))), {
        virtualMsMax: TIMEOUT_MS,
      });
      if (end.ended !== 'halted')
        throw new GuestError(`QEMU's guest did not suspend (${end.ended})`, { consoleTail: agent.consoleTail });
      return { agent, job: end.job, haltedMs: performance.now(), cpuMs: first.cpuMs() };
    });

    watch.lap('suspend');
    const second = await start(disks, saved ? states.beforeDisk : undefined);
    return closing(second, async () => {
      if (saved) await second.resumeState();
      await reach(second, stepEnd('thawTasks'), USER_MARKERS.agentReady);
      await agent.attach(second);
      const resumed = resultOf(await agent.wait(job));
      if (resumed.exitCode !== 0)
        throw new GuestError(`the suspend ended with status ${resumed.exitCode} in QEMU's guest`, {
          consoleTail: agent.consoleTail,
        });
      watch.lap('resume');
      await succeed(agent, CHECK);
      watch.lap('check');
      const endMs = performance.now();
      const withoutBootsMs = saved
        ? undefined
        : haltedMs - first.seenMs(USER_MARKERS.agentReady) + endMs - second.seenMs(USER_MARKERS.beforeDisk);
      return { times: watch.times(), withoutBootsMs, cpuMs: cpuMs + second.cpuMs() };
    });
  };

  const close = (): Promise<void> => rm(root, { recursive: true, force: true });
  try {
    await writeFile(kernelPath, kernel);
    await writeFile(initrdPath, initrd ?? new Uint8Array(0));
    await saveStates();
    return { cycle, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Waits for a marker. If another given marker comes first, that is an error. */
async function reach(machine: QemuMachine, kind: number, wrong?: number): Promise<void> {
  const stopAt = (marker: number): ArmedTrigger => ({ when: { on: 'marker', kind: marker }, then: { do: 'stop' } });
  const { reason, console } = await machine.run({
    triggers: [stopAt(kind), ...(wrong === undefined ? [] : [stopAt(wrong)])],
    virtualMsMax: TIMEOUT_MS,
  });
  if (reason.why === 'trigger' && reason.index === 0) return;
  const tail = new TextDecoder().decode(console).split('\n').slice(-25);
  throw new GuestError(`QEMU's guest did not come to marker 0x${kind.toString(16)} (${reason.why})`, {
    consoleTail: tail,
  });
}

async function succeed(agent: Agent, text: string): Promise<void> {
  const { exitCode, stderr } = resultOf(await agent.exec(shell(text), { virtualMsMax: TIMEOUT_MS }));
  if (exitCode !== 0)
    throw new GuestError(`\`${text}\` ended with status ${exitCode} in QEMU's guest: ${stderr}`, {
      consoleTail: agent.consoleTail,
    });
}

async function closing<T>(machine: QemuMachine, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await machine.close();
  }
}
