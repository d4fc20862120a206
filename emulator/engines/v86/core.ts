// SPDX-License-Identifier: MIT
/**
 * One deterministic machine. It drives v86 tick by tick itself. Nothing here waits for an event loop or reads a host
 * clock or host randomness, so the machine's behaviour depends only on its config and the requests. The same code runs
 * in Node and in browsers.
 */
import { dueAtWrite, sectorsLanding, type DueAction } from '../write-triggers.js';
import type {
  Action,
  Asked,
  Capture,
  Channel,
  DiskWrite,
  MarkerSeen,
  RestoreConfig,
  RunReport,
  ShareEntry,
  StopReason,
} from '../../machine/contract.js';
import { RigError } from '../../machine/errors.js';
import type { SoFar } from '../../machine/written.js';
import { createByteLog } from './byte-log.js';
import { packWhole, restoreCheckpoint, type Restored, type Whole } from './checkpoint/whole.js';
import { createDisk, type Disk } from './disk-buffer.js';
import { createEmulator, type EmulatorParts } from './emulator.js';
import { guardDevices } from './device-guards.js';
import { bindInternals } from './internals.js';
import { createJit, type ModuleCache } from './jit.js';
import { installDelivery } from './delivery.js';
import { DeviceMisuse } from './misuse.js';
import { installMarkerPorts } from './ports.js';
import { bindRam } from './ram.js';
import { screenText } from './screen.js';
import { createSharedStore } from './shared-memory.js';
import { installSerial } from './serial.js';
import { createShareServer } from './share/server.js';

/** The minimum time that an idle tick skips: v86 may return 0 although no interrupt is due. */
const IDLE_STEP_MS_MIN = 0.01;
const FLAG_INTERRUPT = 0x200;
/** An interrupt table shorter than this has no handler for a double fault, so that it becomes a triple fault. */
const DOUBLE_FAULT_GATE_END = 8 * 8 + 7;

export interface CoreParts extends EmulatorParts {
  readonly cache: ModuleCache;
  /**
   * Called for each marker of a run when the guest passes it, before the report. It can be called from within the
   * emulator, so it must not throw.
   */
  readonly onMarker: (marker: MarkerSeen) => void;
}

/** The part of a config that a machine may get after everything else has been made. */
export interface LateConfig {
  /** Per disk: see `DiskConfig.overlay`. */
  readonly overlays: readonly (readonly DiskWrite[])[];
  readonly wallClockMs: number;
}

export interface Core {
  /** Restores `checkpoint` into a machine at power-on. At most once, before {@link equip}. */
  restore(checkpoint: Uint8Array): void;
  /** Completes the machine with its disks and its real-time clock. To be called once, before it runs or is read. */
  equip(late: LateConfig): void;
  /** Starts a run; then call {@link advance} until it returns a report. */
  begin(request: Asked): void;
  /** One tick (at most about 1 virtual ms of work, or one stretch of idleness). */
  advance(): RunReport | undefined;
  /** Ends the run at the present tick boundary. */
  abort(): RunReport;
  instructions(): number;
  virtualMs(): number;
  /** Console output of the present run from byte `from` on. */
  consoleSince(from: number): Uint8Array;
  /** What the present run has done; valid until the machine moves. */
  soFar(): SoFar;
  /** A view of guest RAM; valid until the machine moves. */
  memory(): Uint8Array;
  captureMemory(): Uint8Array;
  /** See {@link Machine.readScreen}. */
  screenRows(): readonly string[] | undefined;
  shareEntries(): readonly ShareEntry[] | undefined;
  /** The data that {@link Machine.stateHash} hashes, in order. */
  hashParts(): readonly Uint8Array[];
  checkpoint(): Uint8Array;
}

/** Thrown through the emulator's frames to end the machine at this very instruction. */
class MachineEnds extends Error {
  constructor(readonly why: 'powerCut' | 'reset') {
    super(why);
  }
}

/**
 * Makes a machine at power-on, on which {@link Core.equip} must be called. Without a kernel it can only be restored.
 */
export async function createCore(config: RestoreConfig, parts: CoreParts): Promise<Core> {
  const { clock, chance, cache, onMarker: tellMarker } = parts;
  let { wallClockMs } = config;
  let guestPanic = '';
  let ended: StopReason | undefined;
  let broken: RigError | undefined;
  let run: Run | undefined;
  let shareFault: { readonly error: unknown } | undefined;
  const keepWrite = createSharedStore();
  /** At the write that is under way. */
  let due: readonly DueAction[] = [];

  const disks: Disk[] = config.disks.map((disk, number) =>
    createDisk(
      { base: disk.base },
      {
        beforeWrite(index) {
          run?.request.triggers?.forEach(({ when, then }) => {
            if (when.on !== 'write' || when.disk !== number || when.index !== index) return;
            if (then.do === 'failDisk') disks[then.disk]?.fail(then.failure);
          });
        },
        sectorsAllowed(index, sectors, at) {
          due = [];
          if (!run) return sectors;
          if (clock.instructions() > run.cutAfter) return 0;
          due = dueAtWrite(run.request.triggers ?? [], run.seen, { disk: number, index, at, sectors });
          return sectorsLanding(due, sectors);
        },
        written(_, at, bytes) {
          const now = clock.instructions();
          if (bytes.length > 0) run?.writes[number]?.push({ instruction: now, sector: at, bytes: keepWrite(bytes) });
          if (now > (run?.cutAfter ?? Infinity)) throw new MachineEnds('powerCut');
          for (const [trigger, action] of due) act(trigger, action, undefined);
        },
        flushed: () => void run?.flushes[number]?.push(clock.instructions()),
      },
      config.volatileCaches,
    ),
  );

  const failedCount = (): number => disks.reduce((sum, disk) => sum + disk.failedCount(), 0);

  const share =
    config.share &&
    createShareServer(config.share, {
      nowMs: () => wallClockMs + clock.virtualMs(),
      isOn: () => clock.instructions() <= (run?.cutAfter ?? Infinity),
      onFault: (error) => (shareFault = { error }),
    });
  const emulator = await createEmulator(config, disks, share, parts, (line) => (guestPanic = line));
  const cpu = bindInternals(emulator);
  const ram = bindRam(cpu, config.memoryMiB);

  emulator.v86.next_tick = () => undefined;
  cpu.reboot_internal = () => {
    throw new MachineEnds('reset');
  };
  guardDevices(cpu, config);
  const jit = createJit(cpu, cache);
  const timers = cpu.run_hardware_timers;
  cpu.run_hardware_timers = (acpi, now) => {
    // Several times within a tick, so that hot code is not interpreted to the tick's end. Not from within hlt,
    // which may run in generated code that is being replaced.
    if (jit.hasPending() && cpu.in_hlt[0] === 0) jit.deliver();
    return timers.call(cpu, acpi, now);
  };
  const ports = installMarkerPorts(cpu.io, onMarker);
  const serial = installSerial(emulator, cpu, onByte);
  const delivery = installDelivery(cpu.io);
  const state: Whole = {
    config,
    wallClockMs: () => wallClockMs,
    emulator,
    cpu,
    disks,
    share,
    jit,
    ports,
    serial,
    delivery,
    clock,
    chance,
  };
  let restored: Restored | undefined;

  function onByte(channel: Channel, byte: number): void {
    if (!run) return;
    if (clock.instructions() > run.cutAfter) throw new MachineEnds('powerCut');
    run.output[channel].push(byte);
    const until = run.request.untilByte;
    if (until && until.channel === channel && until.byte === byte) run.stop ??= { why: 'byte' };
  }

  function onMarker(kind: number, word0: number, word1: number): void {
    if (!run) return;
    const { triggers = [] } = run.request;
    if (clock.instructions() > run.cutAfter) throw new MachineEnds('powerCut');
    const marker: MarkerSeen = { kind, word0, word1, instruction: clock.instructions(), virtualMs: clock.virtualMs() };
    run.markers.push(marker);
    tellMarker(marker);
    for (const [index, { when, then }] of triggers.entries()) {
      if (when.on !== 'marker' || when.kind !== kind) continue;
      const seen = (run.seen[index] ?? 0) + 1;
      run.seen[index] = seen;
      if (seen === (when.nth ?? 1)) act(index, then, marker);
    }
  }

  function act(index: number, action: Action, marker: MarkerSeen | undefined): void {
    if (!run) return;
    switch (action.do) {
      case 'capture':
        run.captures.push({ label: action.label, marker, ...ram.capture() });
        return;
      case 'flip': {
        const bytes = ram.view();
        cpu.jit_dirty_cache(action.gpa, action.gpa + action.xor.length);
        action.xor.forEach((bits, at) => (bytes[action.gpa + at] = (bytes[action.gpa + at] ?? 0) ^ bits));
        return;
      }
      case 'failDisk':
        disks[action.disk]?.fail(action.failure);
        return;
      case 'stop':
        run.stop ??= { why: 'trigger', index };
        ports.setHold(true);
        return;
      case 'cutPower':
        throw new MachineEnds('powerCut');
    }
  }

  /** Triggers on an instruction count, at a tick boundary. */
  function checkInstructionTriggers(present: Run): void {
    const now = clock.instructions();
    present.request.triggers?.forEach(({ when, then }, index) => {
      if (when.on !== 'instruction' || present.seen[index] !== undefined || now < when.count) return;
      present.seen[index] = 1;
      act(index, then, undefined);
    });
  }

  function tick(present: Run): void {
    try {
      serial.feed();
      const idleMs = cpu.main_loop();
      if (shareFault) throw shareFault.error;
      if (cpu.in_hlt[0]) {
        if ((cpu.flags[0] ?? 0) & FLAG_INTERRUPT) clock.skipIdle(Math.max(idleMs, IDLE_STEP_MS_MIN));
        else ended = { why: 'halted' };
      }
      jit.deliver();
      checkInstructionTriggers(present);
    } catch (error) {
      settle(error);
    }
  }

  /**
   * Handles an exception that passed through the emulator. From now on memory can be read, but the machine cannot run.
   */
  function settle(error: unknown): void {
    if (error instanceof MachineEnds) ended = { why: error.why };
    else if (error instanceof DeviceMisuse) ended = { why: 'misuse', what: error.message };
    else if (error instanceof RigError) broken = error;
    else if ((cpu.idtr_size[0] ?? 0) < DOUBLE_FAULT_GATE_END || isEndlessFault(error)) ended = { why: 'reset' };
    else {
      const detail = guestPanic || (error instanceof Error ? error.message : String(error));
      broken = new RigError(`the emulator failed at instruction ${clock.instructions()}: ${detail}`, {
        cause: error,
        remedy: 'run it again with the same seed: it fails at the same place, which helps a bug report',
      });
    }
  }

  function finish(present: Run, reason: StopReason): RunReport {
    run = undefined;
    const failedRequests = failedCount() - present.failedBefore;
    return {
      reason,
      console: present.output.console.bytes(),
      agent: present.output.agent.bytes(),
      markers: present.markers,
      captures: present.captures,
      writes: present.writes,
      flushes: present.flushes,
      ...(config.volatileCaches === true && { unflushed: disks.map((disk) => disk.unflushedCount()) }),
      ...(failedRequests > 0 && { failedRequests }),
      instructions: clock.instructions(),
      virtualMs: clock.virtualMs(),
      beginMs: present.startMs,
    };
  }

  return {
    restore(checkpoint) {
      restored = restoreCheckpoint(state, checkpoint);
    },
    equip(late) {
      late.overlays.forEach((overlay, number) => disks[number]?.lay(overlay));
      restored?.equip(late);
      ({ wallClockMs } = late);
    },
    begin(request) {
      if (run) throw new RigError('the machine is running already');
      if (broken) throw broken;
      if (ended)
        throw new RigError(`the machine has ended (${ended.why}) and cannot run on`, {
          remedy: 'make a new machine on the same disks',
        });
      run = newRun(request, disks.length, clock.virtualMs(), failedCount());
      ports.setHold(false);
      for (const { channel, bytes } of request.send ?? []) serial.send(channel, bytes);
      if (request.deliver) delivery.deliver(request.deliver);
      try {
        checkInstructionTriggers(run);
      } catch (error) {
        settle(error);
      }
    },
    advance() {
      const present = run;
      if (!present) throw new RigError('the machine is not running');
      if (!ended && !present.stop) tick(present);
      if (broken) {
        run = undefined;
        throw broken;
      }
      if (ended) return finish(present, ended);
      if (present.stop) return finish(present, present.stop);
      if (clock.virtualMs() - present.startMs >= present.request.virtualMsMax)
        return finish(present, { why: 'timeout' });
      return undefined;
    },
    abort() {
      if (!run) throw new RigError('the machine is not running');
      return finish(run, { why: 'aborted' });
    },
    instructions: () => clock.instructions(),
    virtualMs: () => clock.virtualMs(),
    consoleSince: (from) => run?.output.console.bytes(from) ?? new Uint8Array(0),
    soFar: () => ({
      markers: run?.markers ?? [],
      writes: run?.writes ?? [],
      instructions: clock.instructions(),
      virtualMs: clock.virtualMs(),
    }),
    memory: ram.view,
    captureMemory: () => ram.capture().memory,
    screenRows: () => screenText(cpu.devices.vga),
    shareEntries: () => share?.entries(),
    hashParts: () => [...ram.hashParts(), ...packWhole(state).stateParts],
    checkpoint() {
      if (ended || broken) throw new RigError('a machine that has ended cannot be checkpointed');
      return packWhole(state).pack();
    },
  };
}

interface Run {
  readonly request: Asked;
  readonly startMs: number;
  /** Requests to disks that had failed before. */
  readonly failedBefore: number;
  /** Nothing that happens after this instruction count may have an effect outside the machine. */
  readonly cutAfter: number;
  readonly output: Record<Channel, ReturnType<typeof createByteLog>>;
  readonly markers: MarkerSeen[];
  readonly captures: Capture[];
  readonly writes: DiskWrite[][];
  readonly flushes: number[][];
  /** How often each trigger's condition was met. */
  readonly seen: (number | undefined)[];
  stop: StopReason | undefined;
}

function newRun(request: Asked, diskCount: number, startMs: number, failedBefore: number): Run {
  const cuts = (request.triggers ?? []).map(({ when, then }) =>
    when.on === 'instruction' && then.do === 'cutPower' ? when.count : Infinity,
  );
  return {
    request,
    startMs,
    failedBefore,
    cutAfter: Math.min(Infinity, ...cuts),
    output: { console: createByteLog(), agent: createByteLog() },
    markers: [],
    captures: [],
    writes: Array.from({ length: diskCount }, () => []),
    flushes: Array.from({ length: diskCount }, () => []),
    seen: [],
    stop: undefined,
  };
}

/** v86 recurses without end when the delivery of a fault causes a fault. That is a triple fault. */
function isEndlessFault(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message);
}
