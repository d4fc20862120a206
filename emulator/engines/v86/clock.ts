// SPDX-License-Identifier: MIT
/**
 * Virtual time: a function of the instruction counter and of the idle time skipped so far.
 *
 * v86 reads time in two ways: through `performance.now`, which it binds when it is imported, and through
 * `Date`. Both are replaced before the import, so one worker runs one machine.
 */

/**
 * Shortens busy waits, in which a guest reads the time-stamp counter over and over. After `reads` reads, each at most
 * `instructionsApart` instructions after the one before, every further read lets `stepMs` pass. A busy wait then needs
 * one read per microsecond, about a twentieth of the instructions. It may last up to one step longer, as on any
 * machine.
 */
const SPIN = { reads: 16, instructionsApart: 200, stepMs: 0.001 } as const;

/** Offset of v86's 32-bit instruction counter in the wasm memory. */
const COUNTER_OFFSET = 664;
const WRAP = 2 ** 32;

export interface Clock {
  /** Sets the memory that contains the counter, once the emulator core exists. Until then the time is 0. */
  attach(memory: WebAssembly.Memory): void;
  /** Guest instructions since power-on. Must be read more often than every 2^32 instructions. */
  instructions(): number;
  /** Milliseconds since power-on. */
  virtualMs(): number;
  /** Milliseconds since power-on, for the emulator. Most of its reads are on behalf of the guest: skips busy waits. */
  emulatorMs(): number;
  /** Lets `ms` pass without an instruction. */
  skipIdle(ms: number): void;
  save(): ClockState;
  /** The counter itself is in wasm memory, which must have been restored before. */
  load(state: ClockState): void;
}

export interface ClockState {
  readonly instructions: number;
  readonly idleMs: number;
  /** Instruction count of the emulator's last read, and the number of reads in quick succession. */
  readonly lastRead: number;
  readonly spins: number;
}

export function createClock(instructionsPerMs: number): Clock {
  let memory: WebAssembly.Memory | undefined;
  let counter = new Uint32Array(1);
  let last = 0;
  let wrapped = 0;
  let idleMs = 0;
  let lastRead = 0;
  let spins = 0;

  const instructions = (): number => {
    // Growing the memory detaches every view of it.
    if (counter.length === 0 && memory) counter = new Uint32Array(memory.buffer, COUNTER_OFFSET, 1);
    const now = counter[0] ?? 0;
    if (now < last) wrapped += WRAP;
    last = now;
    return wrapped + now;
  };

  return {
    attach(wasm) {
      memory = wasm;
      counter = new Uint32Array(wasm.buffer, COUNTER_OFFSET, 1);
    },
    instructions,
    virtualMs: () => instructions() / instructionsPerMs + idleMs,
    emulatorMs() {
      const now = instructions();
      if (now - lastRead > SPIN.instructionsApart) spins = 0;
      else if (++spins > SPIN.reads) idleMs += SPIN.stepMs;
      lastRead = now;
      return now / instructionsPerMs + idleMs;
    },
    skipIdle(ms) {
      idleMs += ms;
    },
    save: () => ({ instructions: instructions(), idleMs, lastRead, spins }),
    load(state) {
      last = state.instructions % WRAP;
      wrapped = state.instructions - last;
      ({ idleMs, lastRead, spins } = state);
    },
  };
}

/** The globals that v86 uses for time and chance. */
export interface TimeScope {
  Date: DateConstructor;
  performance: unknown;
}

/**
 * Replaces `Date` and `performance` in `scope` by virtual time. Both parameters (ms since power-on, and the date at
 * power-on) are called at each use. The returned function restores `performance` and is called once v86 is imported.
 * `Date` stays replaced, because v86 looks it up at each use.
 */
export function installVirtualTime(
  scope: TimeScope,
  virtualMs: () => number,
  wallClockMs: () => number,
): { releasePerformance: () => void } {
  const RealDate = scope.Date;
  const nowMs = (): number => wallClockMs() + virtualMs();
  class VirtualDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      super(...((args.length === 0 ? [nowMs()] : args) as [number]));
    }
    static override now(): number {
      return nowMs();
    }
  }
  scope.Date = VirtualDate as unknown as DateConstructor;
  const real = Object.getOwnPropertyDescriptor(scope, 'performance');
  Object.defineProperty(scope, 'performance', { configurable: true, writable: true, value: { now: virtualMs } });
  return {
    releasePerformance() {
      if (real) Object.defineProperty(scope, 'performance', real);
      else delete (scope as Partial<TimeScope>).performance;
    },
  };
}
