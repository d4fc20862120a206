// SPDX-License-Identifier: MIT
/**
 * One deterministic machine. It drives v86 tick by tick itself; nothing here waits for an event loop,
 * reads a host clock or host randomness, so that what the machine does is a function of its config,
 * the requests and nothing else. The same code runs in Node and in browsers.
 */
import { concat } from '../../machine/bytes.js';
import { packPages, unpackPages, usedRanges, type ByteRange } from '../../disks/sparse.js';
import type {
  Action,
  Capture,
  Channel,
  DiskWrite,
  MachineConfig,
  MarkerSeen,
  RunReport,
  RunRequest,
  ShareEntry,
  StopReason,
} from '../../machine/contract.js';
import { InputError, RigError } from '../../machine/errors.js';
import { PAGE_BYTES } from '../../machine/units.js';
import { createByteLog } from './byte-log.js';
import type { Chance, ChanceState } from './chance.js';
import { packCheckpoint, unpackCheckpoint } from './checkpoint-format.js';
import type { Clock, ClockState } from './clock.js';
import { createDisk, type Disk } from './disk-buffer.js';
import { bindInternals, type V86Constructor, type V86Cpu, type V86Emulator } from './internals.js';
import { createJit, type Jit, type ModuleCache } from './jit.js';
import { installMarkerPorts, type MarkerPorts } from './ports.js';
import { createSharedStore } from './shared-memory.js';
import { installSerial, type SerialLines, type SerialState } from './serial.js';
import { createShareServer, type SavedShare, type ShareServer } from './share/server.js';

/** The least time that an idle tick skips: v86 may say 0 without an interrupt becoming due. */
const IDLE_STEP_MS_MIN = 0.01;
const FLAG_INTERRUPT = 0x200;
const WASM_PAGE = 65536;
const A20_PORT = 0x92;
/** Where v86 puts the kernel's protected-mode part and the initrd. */
const KERNEL_AT = 2 ** 20;
const INITRD_AT = 64 * 2 ** 20;
/** An interrupt table shorter than this has no handler for a double fault: the next fault is the third. */
const DOUBLE_FAULT_GATE_END = 8 * 8 + 7;

export interface CoreParts {
  readonly V86: V86Constructor;
  readonly v86Module: WebAssembly.Module;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly cache: ModuleCache;
}

/** A run request without what cannot cross to a worker. */
export type CoreRequest = Omit<RunRequest, 'signal' | 'onConsole' | 'onProgress'>;

/** What a machine may be given when all else of it has been made. */
export type LateConfig = Pick<MachineConfig, 'disks' | 'wallClockMs'>;

export interface Core {
  /** Puts a machine at power-on where `checkpoint` was made. At most once, before it is equipped. */
  restore(checkpoint: Uint8Array): void;
  /** Ends the making of the machine: what lies on its disks, and its real-time clock. To be called once, before anything else. */
  equip(late: LateConfig): void;
  /** Starts a run; then {@link advance} until it answers a report. */
  begin(request: CoreRequest): void;
  /** One tick (at most about 1 virtual ms of work, or one stretch of idleness). */
  advance(): RunReport | undefined;
  /** Ends the run at the present tick boundary. */
  abort(): RunReport;
  instructions(): number;
  /** Console output of the present run from byte `from` on. */
  consoleSince(from: number): Uint8Array;
  /** A view of guest RAM; valid until the machine moves. */
  memory(): Uint8Array;
  captureMemory(): Uint8Array;
  shareEntries(): readonly ShareEntry[] | undefined;
  /** What {@link Machine.stateHash} hashes, in order. */
  hashParts(): readonly Uint8Array[];
  checkpoint(): Uint8Array;
}

interface CheckpointHead {
  readonly memoryMiB: number;
  readonly wasmBytes: number;
  readonly stateBytes: number;
  readonly clock: ClockState;
  readonly chance: ChanceState;
  readonly markerWords: readonly number[];
  readonly serial: SerialState;
  readonly wallClockMs: number;
  readonly a20: number;
  readonly ps2: Ps2State;
  readonly disks: readonly { readonly writeCount: number; readonly blocks: readonly number[] }[];
  /** Function table slots, and the index of each one's code. */
  readonly code: readonly (readonly [slot: number, code: number])[];
  readonly codeBytes: readonly number[];
  readonly hasShare?: true;
  /** Once the guest has used it. */
  readonly share?: SavedShare;
}

interface Ps2State {
  readonly keyboard: readonly number[];
  readonly mouse: readonly number[];
  readonly ready: boolean;
  readonly aux: boolean;
}

/** Thrown through the emulator's frames to end the machine at this very instruction. */
class MachineEnds extends Error {
  constructor(readonly why: 'powerCut' | 'reset') {
    super(why);
  }
}

/** Makes a machine at power-on, that has yet to be equipped. */
export async function createCore(config: MachineConfig, parts: CoreParts): Promise<Core> {
  const { clock, chance, cache } = parts;
  let { wallClockMs } = config;
  let guestPanic = '';
  let ended: StopReason | undefined;
  let broken: RigError | undefined;
  let run: Run | undefined;
  const keepWrite = createSharedStore();

  const disks: Disk[] = config.disks.map((disk, number) =>
    createDisk(
      { base: disk.base },
      {
        sectorsAllowed(index, sectors) {
          if (clock.instructions() > (run?.cutAfter ?? Infinity)) return 0;
          const cut = run?.request.triggers?.find(
            ({ when, then }) =>
              when.on === 'write' && when.disk === number && when.index === index && then.do === 'cutPower',
          )?.then;
          return cut?.do === 'cutPower' ? Math.min(cut.sectorsWritten ?? sectors, sectors) : sectors;
        },
        written(index, at, bytes) {
          const now = clock.instructions();
          if (bytes.length > 0) run?.writes[number]?.push({ instruction: now, sector: at, bytes: keepWrite(bytes) });
          if (now > (run?.cutAfter ?? Infinity)) throw new MachineEnds('powerCut');
          run?.request.triggers?.forEach(({ when, then }, trigger) => {
            if (when.on === 'write' && when.disk === number && when.index === index) act(trigger, then, undefined);
          });
        },
      },
    ),
  );

  const share =
    config.share &&
    createShareServer(config.share, {
      nowMs: () => wallClockMs + clock.virtualMs(),
      isOn: () => clock.instructions() <= (run?.cutAfter ?? Infinity),
    });
  const emulator = await createEmulator(config, disks, share, parts, (line) => (guestPanic = line));
  const cpu = bindInternals(emulator);
  const ramOffset = cpu.mem8.byteOffset;
  const ramBytes = config.memoryMiB * 2 ** 20;
  const memory = (): Uint8Array => new Uint8Array(cpu.wasm_memory.buffer, ramOffset, ramBytes);
  /** Where RAM holds anything: neighbouring pages as one range of bytes. */
  const usedRam = (): ByteRange[] =>
    usedRanges(memory(), (page) => cpu.is_memory_zeroed(page * PAGE_BYTES, PAGE_BYTES) !== 0);
  /** A copy of RAM; pages that are empty are not touched, and cost no memory in the copy. */
  const captureRam = (): Uint8Array => {
    const [ram, copy] = [memory(), new Uint8Array(ramBytes)];
    for (const [from, to] of usedRam()) copy.set(ram.subarray(from, to), from);
    return copy;
  };
  /** All of RAM for a hash: where it holds anything, then what. */
  const ramParts = (): Uint8Array[] => {
    const [ram, used] = [memory(), usedRam()];
    return [new Uint8Array(Float64Array.from(used.flat()).buffer), ...used.map(([from, to]) => ram.subarray(from, to))];
  };
  if (cpu.memory_size[0] !== ramBytes)
    throw new RigError(`v86 made ${String(cpu.memory_size[0])} bytes of RAM instead of ${ramBytes}`);

  emulator.v86.next_tick = () => undefined;
  cpu.reboot_internal = () => {
    throw new MachineEnds('reset');
  };
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
    clock,
    chance,
  };
  let restored: Pick<Core, 'equip'> | undefined;

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
        run.captures.push({ label: action.label, marker, memory: captureRam() });
        return;
      case 'flip': {
        const ram = memory();
        cpu.jit_dirty_cache(action.gpa, action.gpa + action.xor.length);
        action.xor.forEach((bits, at) => (ram[action.gpa + at] = (ram[action.gpa + at] ?? 0) ^ bits));
        return;
      }
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

  /** Something was thrown through the emulator: it can read memory from now on, but not move. */
  function settle(error: unknown): void {
    if (error instanceof MachineEnds) ended = { why: error.why };
    else if ((cpu.idtr_size[0] ?? 0) < DOUBLE_FAULT_GATE_END || isEndlessFault(error)) ended = { why: 'reset' };
    else {
      const detail = guestPanic || (error instanceof Error ? error.message : String(error));
      broken = new RigError(`the emulator failed at instruction ${clock.instructions()}: ${detail}`, {
        cause: error,
        remedy: 'run it again with the same seed: it fails at the same place, which helps to report it',
      });
    }
  }

  function finish(present: Run, reason: StopReason): RunReport {
    run = undefined;
    return {
      reason,
      console: present.output.console.bytes(),
      agent: present.output.agent.bytes(),
      markers: present.markers,
      captures: present.captures,
      writes: present.writes,
      instructions: clock.instructions(),
      virtualMs: clock.virtualMs(),
    };
  }

  return {
    restore(checkpoint) {
      restored = restoreCheckpoint(state, checkpoint);
    },
    equip(late) {
      late.disks.forEach(({ overlay = [] }, number) => disks[number]?.lay(overlay));
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
      run = newRun(request, disks.length, clock.virtualMs());
      ports.setHold(false);
      for (const { channel, bytes } of request.send ?? []) serial.send(channel, bytes);
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
    consoleSince: (from) => run?.output.console.bytes(from) ?? new Uint8Array(0),
    memory,
    captureMemory: captureRam,
    shareEntries: () => share?.entries(),
    hashParts: () => [...ramParts(), ...packWhole(state).stateParts],
    checkpoint() {
      if (ended || broken) throw new RigError('a machine that has ended cannot be checkpointed');
      return packWhole(state).pack();
    },
  };
}

interface Run {
  readonly request: CoreRequest;
  readonly startMs: number;
  /** Nothing that happens after this instruction count may show. */
  readonly cutAfter: number;
  readonly output: Record<Channel, ReturnType<typeof createByteLog>>;
  readonly markers: MarkerSeen[];
  readonly captures: Capture[];
  readonly writes: DiskWrite[][];
  /** How often each trigger's condition was met. */
  readonly seen: (number | undefined)[];
  stop: StopReason | undefined;
}

function newRun(request: CoreRequest, diskCount: number, startMs: number): Run {
  const cuts = (request.triggers ?? []).map(({ when, then }) =>
    when.on === 'instruction' && then.do === 'cutPower' ? when.count : Infinity,
  );
  return {
    request,
    startMs,
    cutAfter: Math.min(Infinity, ...cuts),
    output: { console: createByteLog(), agent: createByteLog() },
    markers: [],
    captures: [],
    writes: Array.from({ length: diskCount }, () => []),
    seen: [],
    stop: undefined,
  };
}

/** v86 recurses without end when delivering a fault faults: a triple fault. */
function isEndlessFault(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message);
}

async function createEmulator(
  config: MachineConfig,
  disks: readonly Disk[],
  share: ShareServer | undefined,
  parts: CoreParts,
  onPanic: (line: string) => void,
): Promise<V86Emulator> {
  const { V86, v86Module, clock, chance } = parts;
  const instantiate = async (imports: { env: Record<string, unknown> }): Promise<unknown> => {
    let wasm: WebAssembly.Memory | undefined;
    const say = (pointer: number, length: number): void => {
      if (wasm) onPanic(new TextDecoder().decode(new Uint8Array(wasm.buffer, pointer >>> 0, length >>> 0).slice()));
    };
    const env = { ...imports.env, microtick: clock.emulatorMs, get_rand_int: chance.int32, console_log_from_wasm: say };
    const { exports } = await WebAssembly.instantiate(v86Module, { env });
    wasm = exports['memory'] as WebAssembly.Memory;
    clock.attach(wasm);
    return exports;
  };
  const file = (bytes: Uint8Array): { buffer: ArrayBuffer } => ({ buffer: ownWords(bytes) });
  const emulator = new V86({
    wasm_fn: instantiate,
    memory_size: config.memoryMiB * 2 ** 20,
    bios: file(config.bios),
    vga_bios: file(config.vgaBios),
    bzimage: file(config.kernel),
    initrd: config.initrd && file(config.initrd),
    cmdline: config.cmdline,
    hda: disks[0]?.buffer,
    hdb: disks[1]?.buffer,
    filesystem: share?.filesystem,
    uart1: true,
    fastboot: true,
    autostart: false,
    acpi: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    net_device: { type: config.network === true ? 'ne2k' : 'none' },
    log_level: 0,
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', () => resolve()));
  return emulator;
}

/** A copy in a buffer of its own, padded to whole words: v86 reads kernels as words, and patches their header. */
function ownWords(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array((bytes.length + 3) & ~3);
  copy.set(bytes);
  return copy.buffer;
}

interface Whole {
  readonly config: MachineConfig;
  /** At power-on. */
  readonly wallClockMs: () => number;
  readonly emulator: V86Emulator;
  readonly cpu: V86Cpu;
  readonly disks: readonly Disk[];
  readonly share: ShareServer | undefined;
  readonly jit: Jit;
  readonly ports: MarkerPorts;
  readonly serial: SerialLines;
  readonly clock: Clock;
  readonly chance: Chance;
}

/**
 * The whole state: all of the emulator's wasm memory (RAM, registers, and also its JIT's tables and hotness
 * counters), the generated code in its function table, and the devices that live outside. A machine restored
 * from it goes on exactly as the one that was not interrupted.
 */
function packWhole(whole: Whole): { readonly stateParts: readonly Uint8Array[]; pack(): Uint8Array } {
  const { config, cpu, disks, share, jit, ports, serial, clock, chance } = whole;
  const devices = new Uint8Array(saveDevices(whole));
  const files = share?.save();
  const slots = [...jit.live()].sort(([a], [b]) => a - b);
  const code = [...new Set(slots.map(([, live]) => live))];
  const saved = disks.map((disk) => disk.save());
  const head: CheckpointHead = {
    memoryMiB: config.memoryMiB,
    wasmBytes: cpu.wasm_memory.buffer.byteLength,
    stateBytes: devices.length,
    clock: clock.save(),
    chance: chance.save(),
    markerWords: ports.save(),
    serial: serial.save(),
    wallClockMs: whole.wallClockMs(),
    a20: cpu.io.port_read8(A20_PORT),
    ps2: savePs2(cpu),
    disks: saved.map(({ writeCount, blocks }) => ({ writeCount, blocks: [...blocks.keys()] })),
    code: slots.map(([slot, live]) => [slot, code.indexOf(live)]),
    codeBytes: code.map(({ bytes }) => bytes.length),
    ...(share && { hasShare: true as const }),
    ...(files && { share: files.share }),
  };
  const { code: _code, codeBytes: _codeBytes, wasmBytes: _wasmBytes, ...hashed } = head;
  return {
    stateParts: [devices, new TextEncoder().encode(JSON.stringify(hashed)), ...(files?.contents ?? [])],
    pack: () =>
      packCheckpoint(head, [
        ...packPages(new Uint8Array(cpu.wasm_memory.buffer), wasmZeroTest(cpu, config)),
        ...packPages(padToPage(devices)),
        concat(code.map(({ bytes }) => bytes)),
        concat(saved.flatMap(({ blocks }) => [...blocks.values()])),
        concat(files?.contents ?? []),
      ]),
  };
}

/** Restores all but what depends on what the machine is equipped with. */
function restoreCheckpoint(whole: Whole, bytes: Uint8Array): Pick<Core, 'equip'> {
  const { config, cpu, disks, share, jit, ports, serial, clock, chance } = whole;
  const { head: parsed, blobs } = unpackCheckpoint(bytes);
  const head = parsed as CheckpointHead;
  if (head.memoryMiB !== config.memoryMiB || head.disks.length !== disks.length) {
    throw new InputError(
      `the checkpoint is of a machine with ${head.memoryMiB} MiB and ${head.disks.length} disks, the config says ${config.memoryMiB} MiB and ${disks.length}`,
      { remedy: 'restore it with the config under which it was made' },
    );
  }
  if ((head.hasShare ?? false) !== (share !== undefined)) {
    throw new InputError(
      `the checkpoint is of a machine with${head.hasShare ? '' : 'out'} a share, unlike the config`,
      { remedy: 'restore it with the config under which it was made' },
    );
  }
  const [pageIndexes, pages, stateIndexes, statePages, code, blocks, files] = blobs as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];

  const devices = new Uint8Array(Math.ceil(head.stateBytes / PAGE_BYTES) * PAGE_BYTES);
  unpackPages(devices, stateIndexes, statePages);
  loadDevices(whole, devices.slice(0, head.stateBytes).buffer);
  loadPs2(cpu, head.ps2);
  cpu.io.port_write8(A20_PORT, head.a20);

  // Last, since restoring the devices raises and lowers interrupt lines, which live in wasm memory.
  const missing = head.wasmBytes - cpu.wasm_memory.buffer.byteLength;
  if (missing > 0) cpu.wasm_memory.grow(missing / WASM_PAGE);
  unpackPages(new Uint8Array(cpu.wasm_memory.buffer), pageIndexes, pages, usedWhenFresh(cpu, config));
  clock.attach(cpu.wasm_memory);
  clock.load(head.clock);
  chance.load(head.chance);
  ports.load(head.markerWords);
  serial.load(head.serial);

  const pieces = split(code, head.codeBytes);
  jit.restore(new Map(head.code.map(([slot, index]) => [slot, pieces[index] ?? new Uint8Array(0)])));
  if (head.share) share?.load(head.share, files);
  return {
    equip({ wallClockMs }) {
      // What the machine itself has written lies over all else.
      let firstBlock = 0;
      disks.forEach((disk, number) => {
        const saved = head.disks[number];
        if (!saved) return;
        const start = firstBlock;
        disk.load({
          writeCount: saved.writeCount,
          blocks: new Map(
            saved.blocks.map((block, slot) => [
              block,
              blocks.subarray((start + slot) * PAGE_BYTES, (start + slot + 1) * PAGE_BYTES),
            ]),
          ),
        });
        firstBlock += saved.blocks.length;
      });
      rebaseRtc(cpu, wallClockMs - head.wallClockMs);
    },
  };
}

/** Tells empty pages of the emulator's memory; v86 itself does so fast, for those in guest RAM. */
function wasmZeroTest(cpu: V86Cpu, { memoryMiB }: MachineConfig): (page: number) => boolean {
  const words = new Int32Array(cpu.wasm_memory.buffer);
  const ramOffset = cpu.mem8.byteOffset;
  const ramEnd = ramOffset + memoryMiB * 2 ** 20;
  return (page) => {
    const at = page * PAGE_BYTES;
    if (at >= ramOffset && at + PAGE_BYTES <= ramEnd) return cpu.is_memory_zeroed(at - ramOffset, PAGE_BYTES) !== 0;
    for (let word = at / 4; word < (at + PAGE_BYTES) / 4; word++) if (words[word] !== 0) return false;
    return true;
  };
}

/** Where the memory of a fresh emulator may hold anything: all outside of RAM, and in RAM firmware, kernel and initrd. */
function usedWhenFresh(cpu: V86Cpu, { memoryMiB, kernel, initrd }: MachineConfig): ByteRange[] {
  const ramOffset = cpu.mem8.byteOffset;
  const ramBytes = memoryMiB * 2 ** 20;
  const pages = (from: number, to: number): ByteRange => [
    Math.floor(from / PAGE_BYTES) * PAGE_BYTES,
    Math.ceil(to / PAGE_BYTES) * PAGE_BYTES,
  ];
  return [
    pages(0, ramOffset + KERNEL_AT + kernel.length),
    pages(ramOffset + INITRD_AT, ramOffset + Math.min(INITRD_AT + (initrd?.length ?? 0), ramBytes)),
    pages(ramOffset + ramBytes, cpu.wasm_memory.buffer.byteLength),
  ];
}

/** The devices of v86 outside its wasm memory. Leaves the machine as it was. */
function saveDevices({ emulator, cpu }: Whole): ArrayBuffer {
  const { store_current_tsc: storeTsc, pack_memory: pack } = cpu;
  // Reading the time-stamp counter would change the emulator's interpolation state; RAM is saved apart.
  cpu.store_current_tsc = () => undefined;
  cpu.pack_memory = () => ({ packed_memory: new Uint8Array(0), bitmap: { get_buffer: () => new ArrayBuffer(0) } });
  try {
    return emulator.v86.save_state();
  } finally {
    cpu.store_current_tsc = storeTsc;
    cpu.pack_memory = pack;
  }
}

function loadDevices({ emulator, cpu }: Whole, state: ArrayBuffer): void {
  const { last_result, fpu_status_word, mxcsr, unpack_memory } = cpu;
  cpu.unpack_memory = () => undefined;
  emulator.v86.restore_state(state);
  Object.assign(cpu, { last_result, fpu_status_word, mxcsr, unpack_memory });
}

/** v86 forgets bytes that wait in the keyboard controller. Their queues are read by emptying and refilling. */
function savePs2(cpu: V86Cpu): Ps2State {
  const { ps2 } = cpu.devices;
  const contents = (queue: typeof ps2.kbd_buffer): number[] => {
    const bytes: number[] = [];
    while (queue.length > 0) bytes.push(queue.shift());
    for (const byte of bytes) queue.push(byte);
    return bytes;
  };
  return {
    keyboard: contents(ps2.kbd_buffer),
    mouse: contents(ps2.mouse_buffer),
    ready: ps2.next_byte_is_ready,
    aux: ps2.next_byte_is_aux,
  };
}

function loadPs2(cpu: V86Cpu, state: Ps2State): void {
  const { ps2 } = cpu.devices;
  for (const byte of state.keyboard) ps2.kbd_buffer.push(byte);
  for (const byte of state.mouse) ps2.mouse_buffer.push(byte);
  ps2.next_byte_is_ready = state.ready;
  ps2.next_byte_is_aux = state.aux;
}

/** Moves all dates that the real-time clock holds, for a machine whose date at power-on is another. */
function rebaseRtc(cpu: V86Cpu, shiftMs: number): void {
  if (shiftMs === 0) return;
  const { rtc } = cpu.devices;
  rtc.rtc_time += shiftMs;
  rtc.last_update += shiftMs;
  // 0 means that none is due.
  if (rtc.next_interrupt !== 0) rtc.next_interrupt += shiftMs;
  if (rtc.next_interrupt_alarm !== 0) rtc.next_interrupt_alarm += shiftMs;
  if (rtc.update_interrupt_time !== 0) rtc.update_interrupt_time += shiftMs;
}

function padToPage(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / PAGE_BYTES) * PAGE_BYTES);
  padded.set(bytes);
  return padded;
}

function split(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, (at += length)));
}
