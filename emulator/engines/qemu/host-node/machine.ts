// SPDX-License-Identifier: MIT
/** One machine in a process of QEMU. It stands still outside of `run`. */
import { createHash } from 'node:crypto';
import { packPages } from '../../../disks/sparse.js';
import type { Machine, MachineConfig } from '../../../machine/contract.js';
import { InputError, RigError, StallError } from '../../../machine/errors.js';
import { ramOffset, ramPlaces } from '../../../machine/ram.js';
import { checkRequest, type EngineFacts } from '../../checks.js';
import { packMachine, type SavedMachine } from '../checkpoint.js';
import { createClock } from '../clock.js';
import { QEMU_PROGRAM } from '../command-line.js';
import { createFlushes } from '../flushes.js';
import { createMarkers } from '../markers.js';
import { createOutput } from '../output.js';
import { createRun, createState, reportOf } from '../run.js';
import { createWrites } from '../writes.js';
import { createBell } from './bell.js';
import { createDriver } from './drive.js';
import { Unanswered } from './monitor.js';
import { startParts, type PartsEvents } from './parts.js';

/** Bytes of memory that are hashed at once. */
const HASHED_BYTES = 16 << 20;

/**
 * Starts a machine, which waits before its first instruction, or where the machine `before` stood when it was saved.
 * `stallMs`: real time within which QEMU must answer.
 * @throws RigError when QEMU does not start, or does not take the state of the machine before.
 */
export async function startMachine(
  config: MachineConfig,
  facts: EngineFacts,
  stallMs: number,
  before?: SavedMachine,
): Promise<Machine> {
  const places = ramPlaces(config);
  const state = createState(before);
  const clock = createClock(before?.virtualMs);
  const markers = createMarkers(before?.markerPlaces);
  const bell = createBell();
  const flushes = createFlushes(config.disks.length);
  const writes = createWrites(state, flushes, bell.ring, (disk, failure) => parts.disks[disk]?.fail(failure));
  const output = createOutput(() => {
    if (state.run) state.run.stop ??= { why: 'byte' };
    bell.ring();
  });
  const driver = createDriver({ state, clock, writes, flushes, bell, markers, stallMs });
  let closing: Promise<void> | undefined;

  const events: PartsEvents = {
    onEvent: driver.take,
    onOutput: output.receive,
    diskEvents: writes.eventsOf,
    onStopFlush: flushes.stopping,
    onDiskError(error) {
      state.failure ??= error;
      bell.ring();
    },
    onEnd(how) {
      const failure = new RigError(`${QEMU_PROGRAM} has ended (${how})`);
      if (!state.ended) state.failure ??= failure;
      bell.ring();
      return state.failure ?? failure;
    },
  };
  const parts = await startParts(config, stallMs, events, before);
  const { serial, ram, window, disks } = parts;
  const failedCount = (): number => disks.reduce((sum, disk) => sum + disk.failedCount(), 0);

  const checkUsable = (): void => {
    if (state.failure) throw state.failure;
  };

  return {
    engine: facts.name,
    patience: facts.traits.patience,
    async run(request) {
      checkRequest(request, config, facts);
      checkUsable();
      if (state.run) throw new RigError('the machine is running already');
      if (state.ended)
        throw new RigError(`the machine has ended (${state.ended.why}) and cannot run on`, {
          remedy: 'make a new machine on the same disks',
        });
      request.signal?.throwIfAborted();
      const run = createRun(request, config.disks.length, clock.virtualMs);
      const failedBefore = failedCount();
      state.run = run;
      output.begin(request);
      for (const { channel, bytes } of request.send ?? []) serial[channel].send(bytes);
      request.signal?.addEventListener('abort', bell.ring, { once: true });
      try {
        if (request.deliver) await window.deliver(request.deliver);
        const reason = await driver.drive(run, parts);
        if (state.ended) await parts.end();
        const failedRequests = failedCount() - failedBefore;
        return reportOf(run, {
          reason,
          ...output.end(),
          ...(config.volatileCaches === true && { unflushed: disks.map((disk) => disk.unflushedCount()) }),
          ...(failedRequests > 0 && { failedRequests }),
          instructions: state.events,
          virtualMs: clock.virtualMs,
          beginMs: run.startMs,
        });
      } catch (error) {
        state.failure ??= error instanceof Unanswered ? new StallError(stallMs, state.lastMarker) : (error as Error);
        await parts.end();
        throw state.failure;
      } finally {
        state.run = undefined;
        request.signal?.removeEventListener('abort', bell.ring);
      }
    },
    async readMemory(at, lengthBytes) {
      checkUsable();
      if (ramOffset(places, at, lengthBytes) === undefined)
        throw new InputError(`the machine has no memory at ${at + lengthBytes - 1}`);
      return ram.read(at, lengthBytes);
    },
    async captureMemory() {
      checkUsable();
      return ram.all();
    },
    readShare: () => Promise.resolve().then(() => (checkUsable(), undefined)),
    async stateHash() {
      checkUsable();
      const hash = createHash('sha256').update(JSON.stringify([state.events, clock.virtualMs, state.ended ?? null]));
      // In pieces, so that the disks of other machines are served meanwhile.
      for await (const piece of ram.pieces(HASHED_BYTES)) hash.update(piece);
      return hash.digest('hex');
    },
    async checkpoint() {
      checkUsable();
      if (state.run) throw new RigError('the machine runs, so it has no checkpoint');
      if (state.ended) throw new RigError(`the machine has ended (${state.ended.why}), so it has no checkpoint`);
      const saved: SavedMachine = {
        events: state.events,
        ...(state.lastMarker && { lastMarker: state.lastMarker }),
        markerPlaces: markers.places,
        virtualMs: clock.virtualMs,
        disks: disks.map((disk) => disk.save()),
        window: await window.save(),
        memory: packPages(await ram.all()),
        ...(await parts.saveDevices()),
      };
      return { engine: facts.name, bytes: packMachine(config, saved) };
    },
    close() {
      return (closing ??= (async () => {
        state.failure = new RigError('the machine has been closed');
        bell.ring();
        await parts.end();
        await ram.close();
      })());
    },
  };
}
