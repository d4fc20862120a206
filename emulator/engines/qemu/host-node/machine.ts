// SPDX-License-Identifier: MIT
/**
 * One machine in a process of QEMU. It stands still outside of `run`. Within a run it stops at every marker and at every
 * write that a trigger names: the rig then does what the triggers say, and lets it continue.
 */
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../../host/node/temporary.js';
import { concat } from '../../../machine/bytes.js';
import type {
  Action,
  Capture,
  Channel,
  DiskWrite,
  Machine,
  MachineConfig,
  MarkerSeen,
  RunReport,
  RunRequest,
  StopReason,
} from '../../../machine/contract.js';
import { InputError, RigError, StallError } from '../../../machine/errors.js';
import { gpa, type Sector } from '../../../machine/units.js';
import { checkRequest, type EngineFacts } from '../../checks.js';
import { argumentsOf, QEMU_PROGRAM, type MachinePaths } from '../command-line.js';
import { isDead, readProcessors, senders, type Processor } from '../processors.js';
import { openDisk, type DiskEvents } from './disk.js';
import { openLine, type Line } from './lines.js';
import { openMonitor, Unanswered, type Monitor, type MonitorEvent } from './monitor.js';
import { startProcess } from './process.js';
import { openRam } from './ram.js';

/** Real time between two looks whether the guest has halted for good, which QEMU does not tell. */
const LOOK_EVERY_MS = 100;

/** Bytes of memory that are hashed at once. */
const HASHED_BYTES = 16 << 20;
/** Markers of which the place is remembered: many times as many as there are processors. */
const PLACES_KEPT = 64;

/** A write that has reached the disk and of which the guest must not learn before the machine stands. */
interface HeldWrite {
  readonly triggers: readonly number[];
  readonly release: () => void;
}

interface Run {
  readonly request: RunRequest;
  readonly startMs: number;
  readonly output: Record<Channel, Uint8Array[]>;
  readonly markers: MarkerSeen[];
  readonly captures: Capture[];
  readonly writes: DiskWrite[][];
  /** How often each trigger's condition was met. */
  readonly seen: number[];
  stop: StopReason | undefined;
}

/**
 * Starts a machine, which waits before its first instruction. `stallMs`: real time within which QEMU must answer.
 * @throws RigError when QEMU does not start.
 */
export async function startMachine(config: MachineConfig, facts: EngineFacts, stallMs: number): Promise<Machine> {
  const folder = await makeTemporaryFolder('snapback-qemu-');
  const at = (name: string): string => join(folder, name);
  const paths: MachinePaths = {
    kernel: at('kernel'),
    ...(config.initrd && { initrd: at('initrd') }),
    monitor: at('monitor'),
    console: at('console'),
    agent: at('agent'),
    disks: config.disks.map((_, number) => at(`disk${number}`)),
  };
  const lines: Pick<Line, 'close'>[] = [];

  let run: Run | undefined;
  let wake = (): void => undefined;
  /** Output that came when the machine stood already. */
  const late: Record<Channel, Uint8Array[]> = { console: [], agent: [] };
  let held: HeldWrite[] = [];
  /** Events that a guest sees in their order: markers and writes. */
  let events = 0;
  let isPoweredOff = false;

  /** Virtual time: the host's, while the machine runs. */
  let ranMs = 0;
  let runsSinceMs: number | undefined;
  let panics = 0;
  let shutdown: string | undefined;
  /** The places of the last markers, oldest first. */
  const places: string[] = [];
  let lastMarker: MarkerSeen | undefined;

  let ended: StopReason | undefined;
  let broken: Error | undefined;
  let closing: Promise<void> | undefined;

  const onEvent = ({ name, atMs, data }: MonitorEvent): void => {
    switch (name) {
      case 'RESUME':
        runsSinceMs = atMs;
        return;
      case 'STOP':
        ranMs += Math.max(0, atMs - (runsSinceMs ?? atMs));
        runsSinceMs = undefined;
        break;
      case 'GUEST_PANICKED':
        panics++;
        // The machine stops at once, which is the next event.
        return;
      case 'SHUTDOWN':
        shutdown = String(data['reason']);
        break;
    }
    wake();
  };
  const onBytes = (channel: Channel, bytes: Uint8Array): void => {
    // A copy, because the socket's buffer may be a part of a larger one.
    const copy = new Uint8Array(bytes);
    (run?.output ?? late)[channel].push(copy);
    if (channel === 'console') run?.request.onConsole?.(copy);
    const until = run?.request.untilByte;
    if (run && until?.channel === channel && copy.includes(until.byte)) {
      run.stop ??= { why: 'byte' };
      wake();
    }
  };

  const opened = async <T extends Line | Monitor>(line: Promise<T>): Promise<T> => {
    lines.push(await line);
    return line;
  };
  const prepare = async (): Promise<{ readonly monitor: Monitor } & Record<Channel, Line>> => {
    const monitor = await opened(openMonitor(paths.monitor, stallMs, onEvent));
    const console = await opened(openLine(paths.console, (bytes) => onBytes('console', bytes)));
    const agent = await opened(openLine(paths.agent, (bytes) => onBytes('agent', bytes)));
    for (const [number, disk] of config.disks.entries()) {
      const events: DiskEvents = {
        sectorsAllowed: (index, sectors) => sectorsAllowed(number, index, sectors),
        written: (index, start, bytes) => written(number, index, start, bytes),
      };
      await opened(openDisk(paths.disks[number] ?? '', disk, events));
    }
    await writeFile(paths.kernel, config.kernel);
    if (config.initrd) await writeFile(at('initrd'), config.initrd);
    return { monitor, console, agent };
  };
  const { monitor, ...serial } = await prepare().catch(async (error: unknown) => {
    for (const line of lines) line.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const process = startProcess(QEMU_PROGRAM, argumentsOf(config, paths), folder);
  void process.ended.then((how) => {
    if (!ended && !closing) broken ??= new RigError(`${QEMU_PROGRAM} has ended (${how})`);
    monitor.fail(broken ?? closedError());
    wake();
  });
  const ram = await monitor
    .ready()
    .then(async () => openRam(await process.pid))
    .catch(async (error: unknown) => {
      await end();
      throw error;
    });

  function writeTriggers(disk: number, index: number): readonly number[] {
    return (run?.request.triggers ?? []).flatMap(({ when }, trigger) =>
      when.on === 'write' && when.disk === disk && when.index === index ? [trigger] : [],
    );
  }

  function sectorsAllowed(disk: number, index: number, sectors: number): number {
    if (isPoweredOff) return 0;
    const cut = writeTriggers(disk, index)
      .map((trigger) => run?.request.triggers?.[trigger]?.then)
      .find((then) => then?.do === 'cutPower');
    return cut?.do === 'cutPower' ? Math.min(cut.sectorsWritten ?? sectors, sectors) : sectors;
  }

  function written(disk: number, index: number, sector: Sector, bytes: Uint8Array): Promise<void> {
    // Its power is off, so it learns nothing any more.
    if (isPoweredOff) return new Promise(() => undefined);
    if (bytes.length > 0) run?.writes[disk]?.push({ instruction: ++events, sector, bytes });
    const triggers = writeTriggers(disk, index);
    if (triggers.length === 0) return Promise.resolve();
    if (triggers.some((trigger) => run?.request.triggers?.[trigger]?.then.do === 'cutPower')) isPoweredOff = true;
    return new Promise((release) => {
      held.push({ triggers, release });
      wake();
    });
  }

  const registers = async (): Promise<readonly Processor[]> =>
    readProcessors(String(await monitor.ask('human-monitor-command', { 'command-line': 'info registers -a' })));

  async function act(present: Run, index: number, action: Action, marker: MarkerSeen | undefined): Promise<void> {
    switch (action.do) {
      case 'capture':
        present.captures.push({ label: action.label, marker, memory: await captureMemory() });
        return;
      case 'flip': {
        const bytes = await ram.read(action.gpa, action.xor.length);
        await ram.write(
          action.gpa,
          bytes.map((byte, offset) => byte ^ (action.xor[offset] ?? 0)),
        );
        return;
      }
      case 'stop':
        present.stop ??= { why: 'trigger', index };
        return;
      case 'cutPower':
        isPoweredOff = true;
        ended ??= { why: 'powerCut' };
        return;
    }
  }

  /** Handles the markers that were sent since the machine was let run. It stands. */
  async function takeMarkers(present: Run): Promise<void> {
    if (panics === 0) return;
    const processors = await registers();
    const sent = senders(processors, panics, new Set(places));
    panics = 0;
    for (const index of sent) {
      const found = processors[index]?.marker;
      if (!found || isPoweredOff) continue;
      const { place, ...words } = found;
      places.push(place);
      if (places.length > PLACES_KEPT) places.shift();
      const marker: MarkerSeen = { ...words, instruction: ++events, virtualMs: ranMs };
      present.markers.push(marker);
      lastMarker = marker;
      for (const [trigger, { when, then }] of (present.request.triggers ?? []).entries()) {
        if (when.on !== 'marker' || when.kind !== marker.kind) continue;
        const seen = (present.seen[trigger] ?? 0) + 1;
        present.seen[trigger] = seen;
        if (seen === (when.nth ?? 1)) await act(present, trigger, then, marker);
      }
    }
  }

  /** Does what triggers say of the writes that are held. The guest has not learned of these writes. It stands. */
  async function takeWrites(present: Run): Promise<void> {
    for (const { triggers, release } of held.splice(0)) {
      for (const trigger of triggers) {
        const then = present.request.triggers?.[trigger]?.then;
        if (then) await act(present, trigger, then, undefined);
      }
      if (!isPoweredOff) release();
    }
  }

  /** Stops the machine, if it runs, and handles everything that happened before it stood. */
  async function stand(present: Run): Promise<void> {
    const stopped = monitor.ask('stop');
    // It also fails when the machine is ended below.
    stopped.catch(() => undefined);
    // QEMU stops the processors first, and then waits for all requests to the disks. So one that is held is handled
    // before the command has been answered.
    while (runsSinceMs !== undefined && !broken && !closing)
      if ((await change(stallMs)) === 'late') throw new StallError(stallMs, lastMarker);
    for (;;) {
      await takeWrites(present);
      if (isPoweredOff) {
        ended ??= { why: 'powerCut' };
        return;
      }
      const first = await Promise.race([stopped.then(() => 'stopped' as const), change(stallMs)]).finally(() => wake());
      if (first === 'stopped') break;
    }
    await takeWrites(present);
    await takeMarkers(present);
    // The lines have what was sent before. This turn of the event loop has read it when the next one begins.
    await new Promise((resolve) => setImmediate(resolve));
    if (shutdown !== undefined) ended ??= { why: shutdown === 'guest-reset' ? 'reset' : 'halted' };
  }

  /** Resolves at the next event, or after this real time. */
  function change(msMax: number): Promise<'changed' | 'late'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('late'), Math.max(0, msMax));
      wake = () => {
        clearTimeout(timer);
        resolve('changed');
      };
    });
  }

  /** True when something waits for the rig. */
  const isDue = (present: Run): boolean =>
    runsSinceMs === undefined ||
    shutdown !== undefined ||
    held.length > 0 ||
    present.stop !== undefined ||
    present.request.signal?.aborted === true ||
    broken !== undefined ||
    closing !== undefined;

  /** Lets the machine run until something is due, for at most `leftMs`. True when it seems to have halted for good. */
  async function letRun(present: Run, leftMs: number): Promise<boolean> {
    await monitor.ask('cont');
    const startMs = performance.now();
    while (!isDue(present)) {
      const passedMs = performance.now() - startMs;
      if (passedMs >= leftMs) return false;
      if ((await change(Math.min(LOOK_EVERY_MS, leftMs - passedMs))) === 'changed') continue;
      present.request.onProgress?.(events, ranMs + passedMs);
      if (isDue(present) || performance.now() - startMs >= leftMs) continue;
      if (isDead(await registers())) return true;
    }
    return false;
  }

  async function drive(present: Run): Promise<StopReason> {
    for (;;) {
      const leftMs = present.request.virtualMsMax - (ranMs - present.startMs);
      if (present.request.signal?.aborted) return { why: 'aborted' };
      if (leftMs <= 0) return { why: 'timeout' };
      const seemsDead = await letRun(present, leftMs);
      await stand(present);
      if (broken) throw broken;
      if (closing) throw closedError();
      // Looked at again, because a running processor may be read halfway through what it does.
      if (seemsDead && !ended && isDead(await registers())) ended = { why: 'halted' };
      if (ended) return ended;
      if (present.stop) return present.stop;
    }
  }

  const checkOpen = (): void => {
    if (closing) throw closedError();
    if (broken) throw broken;
  };

  const captureMemory = (): Promise<Uint8Array> => ram.read(gpa(0), config.memoryMiB * 2 ** 20);

  /** Ends the process. RAM can still be read. */
  async function end(): Promise<void> {
    process.kill();
    await process.ended;
    for (const line of lines) line.close();
  }

  return {
    engine: facts.name,
    async run(request) {
      checkRequest(request, config, facts);
      checkOpen();
      if (run) throw new RigError('the machine is running already');
      if (ended)
        throw new RigError(`the machine has ended (${ended.why}) and cannot run on`, {
          remedy: 'make a new machine on the same disks',
        });
      request.signal?.throwIfAborted();
      const present: Run = {
        request,
        startMs: ranMs,
        output: { console: late.console.splice(0), agent: late.agent.splice(0) },
        markers: [],
        captures: [],
        writes: config.disks.map(() => []),
        seen: [],
        stop: undefined,
      };
      run = present;
      for (const { channel, bytes } of request.send ?? []) serial[channel].send(bytes);
      const abort = (): void => wake();
      request.signal?.addEventListener('abort', abort, { once: true });
      try {
        const reason = await drive(present);
        if (ended) await end();
        return {
          reason,
          console: concat(present.output.console),
          agent: concat(present.output.agent),
          markers: present.markers,
          captures: present.captures,
          writes: present.writes,
          instructions: events,
          virtualMs: ranMs,
        } satisfies RunReport;
      } catch (error) {
        if (closing) throw closedError();
        broken ??= error instanceof Unanswered ? new StallError(stallMs, lastMarker) : (error as Error);
        await end();
        throw broken;
      } finally {
        run = undefined;
        request.signal?.removeEventListener('abort', abort);
      }
    },
    async readMemory(at, lengthBytes) {
      checkOpen();
      if (at + lengthBytes > config.memoryMiB * 2 ** 20)
        throw new InputError(`the machine has no memory at ${at + lengthBytes - 1}`);
      return ram.read(at, lengthBytes);
    },
    async captureMemory() {
      checkOpen();
      return captureMemory();
    },
    readShare: () => Promise.resolve().then(() => (checkOpen(), undefined)),
    async stateHash() {
      checkOpen();
      const hash = createHash('sha256').update(JSON.stringify([events, ranMs, ended ?? null]));
      const memoryBytes = config.memoryMiB * 2 ** 20;
      // In pieces, so that the disks of other machines are served meanwhile.
      for (let from = 0; from < memoryBytes; from += HASHED_BYTES)
        hash.update(await ram.read(gpa(from), Math.min(HASHED_BYTES, memoryBytes - from)));
      return hash.digest('hex');
    },
    checkpoint: () => Promise.reject(new RigError(`the ${facts.name} engine has no checkpoints`)),
    close() {
      return (closing ??= Promise.resolve().then(async () => {
        wake();
        await end();
        await ram.close();
      }));
    },
  };
}

const closedError = (): RigError => new RigError('the machine has been closed');
