// SPDX-License-Identifier: MIT
/**
 * Lets a machine run, and brings it to a stand where something is due. Within a run it stops at every marker and at every
 * write that a trigger names; what the triggers say is done while it stands.
 */
import type { Action, MarkerSeen, StopReason } from '../../../machine/contract.js';
import { StallError } from '../../../machine/errors.js';
import type { Clock } from '../clock.js';
import type { Flushes } from '../flushes.js';
import type { Markers } from '../markers.js';
import { isDead, readProcessors, type Processor } from '../processors.js';
import { actionsAt, type MachineState, type Run } from '../run.js';
import type { Writes } from '../writes.js';
import type { Bell } from './bell.js';
import type { MonitorEvent } from './monitor.js';
import type { Parts } from './parts.js';

/** Real time between two looks whether the guest has halted for good, which QEMU does not tell. */
const LOOK_EVERY_MS = 100;

export interface Driver {
  /** What QEMU says. */
  take(event: MonitorEvent): void;
  /**
   * Runs the machine of these parts until the run's end.
   * @throws the machine's failure; or a RigError or StallError when QEMU does not do what it is told.
   */
  drive(run: Run, parts: Pick<Parts, 'monitor' | 'ram' | 'memory' | 'disks'>): Promise<StopReason>;
}

export interface DriverParts {
  readonly state: MachineState;
  readonly clock: Clock;
  readonly writes: Writes;
  readonly flushes: Pick<Flushes, 'running'>;
  /** Rings when a write is held, when a run is to stop, and when the machine fails. */
  readonly bell: Bell;
  readonly markers: Markers;
  /** Real time in ms within which QEMU must stop the machine. */
  readonly stallMs: number;
}

export function createDriver({ state, clock, writes, flushes, bell, markers, stallMs }: DriverParts): Driver {
  /** Why QEMU has shut the guest down. */
  let shutdown: string | undefined;

  return {
    take({ name, atMs, data }) {
      switch (name) {
        case 'RESUME':
          clock.started(atMs);
          return;
        case 'STOP':
          clock.stopped(atMs);
          break;
        case 'GUEST_PANICKED':
          // The machine stops at once, which is the next event.
          markers.sent();
          return;
        case 'SHUTDOWN':
          shutdown = String(data['reason']);
          break;
      }
      bell.ring();
    },
    drive: (run, parts) => driveRun(run, parts),
  };

  async function driveRun(
    run: Run,
    { monitor, ram, memory, disks }: Pick<Parts, 'monitor' | 'ram' | 'memory' | 'disks'>,
  ): Promise<StopReason> {
    for (;;) {
      const leftMs = run.request.virtualMsMax - (clock.virtualMs - run.startMs);
      if (run.request.signal?.aborted) return { why: 'aborted' };
      if (leftMs <= 0) return { why: 'timeout' };
      const seemsDead = await letRun(leftMs);
      await stand();
      if (state.failure) throw state.failure;
      // Looked at again, because a running processor may be read halfway through what it does.
      if (seemsDead && !state.ended && isDead(await registers())) state.ended = { why: 'halted' };
      if (state.ended) return state.ended;
      if (run.stop) return run.stop;
    }

    /** Lets the machine run until something is due, for at most `leftMs`. True when it seems to have halted for good. */
    async function letRun(leftMs: number): Promise<boolean> {
      flushes.running();
      await monitor.ask('cont');
      const startMs = performance.now();
      while (!isDue(run)) {
        const passedMs = performance.now() - startMs;
        if (passedMs >= leftMs) return false;
        if ((await bell.wait(Math.min(LOOK_EVERY_MS, leftMs - passedMs))) === 'rung') continue;
        run.request.onProgress?.(state.events, clock.virtualMs + passedMs);
        if (isDue(run) || performance.now() - startMs >= leftMs) continue;
        if (isDead(await registers())) return true;
      }
      return false;
    }

    /** Stops the machine, if it runs, and handles everything that happened before it stood. */
    async function stand(): Promise<void> {
      const stopped = monitor.ask('stop');
      // It also fails when the machine is ended below.
      stopped.catch(() => undefined);
      // QEMU stops the processors first, and then waits for all requests to the disks. So one that is held is handled
      // before the command has been answered.
      while (clock.isRunning && !state.failure)
        if ((await bell.wait(stallMs)) === 'late') throw new StallError(stallMs, state.lastMarker);
      for (;;) {
        await takeWrites();
        if (state.isPoweredOff) {
          state.ended ??= { why: 'powerCut' };
          return;
        }
        const first = await Promise.race([stopped.then(() => 'stopped' as const), bell.wait(stallMs)]);
        // Nobody waits for it now.
        bell.ring();
        if (first === 'stopped') break;
      }
      await takeWrites();
      if (markers.areDue) await takeMarkers();
      // The lines have what was sent before. This turn of the event loop has read it when the next one begins.
      await new Promise((resolve) => setImmediate(resolve));
      if (shutdown !== undefined) state.ended ??= { why: shutdown === 'guest-reset' ? 'reset' : 'halted' };
    }

    /** Does what triggers say of the writes that are held. The guest has not learned of these writes. It stands. */
    async function takeWrites(): Promise<void> {
      for (const { actions, release } of writes.take()) {
        for (const [index, action] of actions) await act(index, action, undefined);
        if (!state.isPoweredOff) release();
      }
    }

    /** Does what triggers say of the markers that were sent since the machine was let run. It stands. */
    async function takeMarkers(): Promise<void> {
      for (const { kind, word0, word1 } of markers.take(await registers())) {
        if (state.isPoweredOff) continue;
        const marker: MarkerSeen = { kind, word0, word1, instruction: ++state.events, virtualMs: clock.virtualMs };
        run.markers.push(marker);
        state.lastMarker = marker;
        for (const [index, action] of actionsAt(run, marker)) await act(index, action, marker);
      }
    }

    async function act(index: number, action: Action, marker: MarkerSeen | undefined): Promise<void> {
      switch (action.do) {
        case 'capture':
          run.captures.push({ label: action.label, marker, memory: await ram.all() });
          return;
        case 'flip': {
          const bytes = await ram.read(action.gpa, action.xor.length);
          await memory.write(
            action.gpa,
            bytes.map((byte, offset) => byte ^ (action.xor[offset] ?? 0)),
          );
          return;
        }
        case 'failDisk':
          disks[action.disk]?.fail(action.failure);
          return;
        case 'stop':
          run.stop ??= { why: 'trigger', index };
          return;
        case 'cutPower':
          state.isPoweredOff = true;
          state.ended ??= { why: 'powerCut' };
          return;
      }
    }

    async function registers(): Promise<readonly Processor[]> {
      return readProcessors(
        String(await monitor.ask('human-monitor-command', { 'command-line': 'info registers -a' })),
      );
    }
  }

  /** True when something waits for the rig. */
  function isDue(run: Run): boolean {
    return (
      !clock.isRunning ||
      shutdown !== undefined ||
      writes.areHeld ||
      run.stop !== undefined ||
      run.request.signal?.aborted === true ||
      state.failure !== undefined
    );
  }
}
