// SPDX-License-Identifier: MIT
/** The inside of a fake machine: memory, disks, channels and triggers. It executes one event at a time. */
import { dueAtWrite, sectorsLanding } from '../write-triggers.js';
import type {
  Action,
  Capture,
  Channel,
  DiskWrite,
  RestoreConfig,
  MarkerSeen,
  RunReport,
  RunRequest,
  StopReason,
} from '../../machine/contract.js';
import { InputError, RigError } from '../../machine/errors.js';
import { PAGE_BYTES, SECTOR_BYTES, type Gpa, type Sector } from '../../machine/units.js';
import type { SoFar } from '../../machine/written.js';
import type { FakeEvent, FakeScript } from './script.js';

const INSTRUCTIONS_PER_MS = 500_000;
/** The cost of events, in instructions. Any fixed numbers would do. */
const COST = { byte: 100, marker: 10, write: 1_000, poke: 1 } as const;

/** An action of the rig on the machine, after `step` of its events. */
export type Stimulus =
  | { readonly step: number; readonly did: 'send'; readonly channel: Channel; readonly bytes: Uint8Array }
  | { readonly step: number; readonly did: 'flip'; readonly at: number; readonly bytes: Uint8Array };

export interface FakeGuest {
  /** Executes a history again, up to `steps` events since power-on. */
  replay(history: readonly Stimulus[], steps: number): void;
  history(): { readonly history: readonly Stimulus[]; readonly steps: number };
  begin(request: RunRequest): void;
  advance(): RunReport | undefined;
  abort(): RunReport;
  instructions(): number;
  virtualMs(): number;
  consoleSince(from: number): Uint8Array;
  /** What the present run has done; valid until the machine moves. */
  soFar(): SoFar;
  readMemory(at: number, lengthBytes: number): Uint8Array;
  captureMemory(): Uint8Array;
  hashParts(): readonly Uint8Array[];
}

interface Run {
  readonly request: RunRequest;
  readonly startMs: number;
  readonly output: Record<Channel, number[]>;
  readonly markers: MarkerSeen[];
  readonly captures: Capture[];
  readonly writes: DiskWrite[][];
  readonly seen: number[];
  stop: StopReason | undefined;
}

export function createFakeGuest(config: RestoreConfig, script: FakeScript): FakeGuest {
  const perMs = config.instructionsPerMs ?? INSTRUCTIONS_PER_MS;
  const queue: FakeEvent[] = [...script];
  const pages = new Map<number, Uint8Array>();
  const sectors = config.disks.map(({ overlay = [] }) => {
    const own = new Map<number, Uint8Array>();
    for (const write of overlay) store(own, write.sector, write.bytes);
    return own;
  });
  const writeCounts = config.disks.map(() => 0);
  const history: Stimulus[] = [];
  let input: number[] = [];
  let steps = 0;
  let instructions = 0;
  let idleMs = 0;
  let ended: StopReason | undefined;
  let run: Run | undefined;

  const virtualMs = (): number => instructions / perMs + idleMs;

  function step(): void {
    steps++;
    const event = queue.shift();
    switch (event?.do) {
      case undefined:
        idleMs += 1;
        return;
      case 'console':
        return output('console', new TextEncoder().encode(event.text));
      case 'agent':
        return output('agent', event.bytes);
      case 'marker':
        return marker(event.kind, event.word0 ?? 0, event.word1 ?? 0);
      case 'write':
        return write(event.disk, event.sector, event.bytes);
      case 'poke':
        instructions += COST.poke;
        return event.bytes.forEach((byte, at) => setByte(event.gpa + at, byte));
      case 'work':
        // In pieces of one virtual ms, because real machines stop at tick boundaries.
        instructions += Math.min(event.instructions, perMs);
        if (event.instructions > perMs) queue.unshift({ ...event, instructions: event.instructions - perMs });
        return;
      case 'sleep':
        idleMs += Math.min(event.ms, 1);
        if (event.ms > 1) queue.unshift({ ...event, ms: event.ms - 1 });
        return;
      case 'look':
        queue.unshift(...event.then({ ...view(), received: new Uint8Array(0) }));
        return;
      case 'receive': {
        const end = event.byte === undefined ? Math.min(0, input.length - 1) : input.indexOf(event.byte);
        if (end < 0) {
          idleMs += 1;
          queue.unshift(event);
          return;
        }
        const received = Uint8Array.from(input.slice(0, end + 1));
        input = input.slice(end + 1);
        instructions += received.length * COST.byte;
        queue.unshift(...event.then({ ...view(), received }));
        return;
      }
      case 'halt':
        ended = { why: 'halted' };
        return;
      case 'reset':
        ended = { why: 'reset' };
        return;
    }
  }

  const view = () => ({
    wallClockMs: config.wallClockMs + virtualMs(),
    readSectors: (disk: number, start: Sector, count: number) => {
      const bytes = Uint8Array.from(
        config.disks[disk]?.base.subarray(start * SECTOR_BYTES, (start + count) * SECTOR_BYTES) ?? [],
      );
      for (let at = 0; at < count; at++) {
        const own = sectors[disk]?.get(start + at);
        if (own) bytes.set(own, at * SECTOR_BYTES);
      }
      return bytes;
    },
    readMemory: (at: Gpa, lengthBytes: number) => readMemory(at, lengthBytes),
  });

  function output(channel: Channel, bytes: Uint8Array): void {
    for (const byte of bytes) {
      instructions += COST.byte;
      if (isCut()) return;
      run?.output[channel].push(byte);
      const until = run?.request.untilByte;
      if (run && until && until.channel === channel && until.byte === byte) run.stop ??= { why: 'byte' };
    }
  }

  function marker(kind: number, word0: number, word1: number): void {
    instructions += COST.marker;
    if (!run || isCut()) return;
    const seen: MarkerSeen = { kind, word0, word1, instruction: instructions, virtualMs: virtualMs() };
    run.markers.push(seen);
    for (const [index, { when, then }] of (run.request.triggers ?? []).entries()) {
      if (when.on !== 'marker' || when.kind !== kind) continue;
      const times = (run.seen[index] ?? 0) + 1;
      run.seen[index] = times;
      if (times === (when.nth ?? 1)) act(index, then, seen);
      if (ended) return;
    }
  }

  function write(disk: number, at: Sector, bytes: Uint8Array): void {
    const own = sectors[disk];
    if (!own) throw new InputError(`the script writes to disk ${disk}, which the machine does not have`);
    instructions += COST.write;
    if (isCut()) return;
    const index = writeCounts[disk] ?? 0;
    const count = bytes.length / SECTOR_BYTES;
    const due = dueAtWrite(run?.request.triggers ?? [], run?.seen ?? [], { disk, index, at, sectors: count });
    const landed = bytes.slice(0, sectorsLanding(due, count) * SECTOR_BYTES);
    store(own, at, landed);
    if (landed.length > 0) {
      writeCounts[disk] = index + 1;
      run?.writes[disk]?.push({ instruction: instructions, sector: at, bytes: landed });
    }
    for (const [trigger, action] of due) if (!ended) act(trigger, action, undefined);
  }

  /** When power fails at an instruction count, no effect of a later instruction is visible. */
  function isCut(): boolean {
    const cut = run?.request.triggers?.some(
      ({ when, then }) => when.on === 'instruction' && then.do === 'cutPower' && instructions > when.count,
    );
    if (cut === true) ended = { why: 'powerCut' };
    return ended !== undefined;
  }

  function act(index: number, action: Action, at: MarkerSeen | undefined): void {
    if (!run) return;
    switch (action.do) {
      case 'capture':
        run.captures.push({ label: action.label, marker: at, memory: captureMemory() });
        return;
      case 'stop':
        run.stop ??= { why: 'trigger', index };
        return;
      case 'cutPower':
        ended = { why: 'powerCut' };
        return;
      case 'failDisk':
        throw new InputError('the disks of a fake machine cannot fail');
      case 'flip':
        history.push({ step: steps, did: 'flip', at: action.gpa, bytes: action.xor });
        return flip(action.gpa, action.xor);
    }
  }

  function flip(at: number, xor: Uint8Array): void {
    xor.forEach((bits, offset) =>
      setByte(at + offset, (pages.get(pageOf(at + offset))?.[(at + offset) % PAGE_BYTES] ?? 0) ^ bits),
    );
  }

  function setByte(at: number, byte: number): void {
    let page = pages.get(pageOf(at));
    if (!page) {
      page = new Uint8Array(PAGE_BYTES);
      pages.set(pageOf(at), page);
    }
    page[at % PAGE_BYTES] = byte;
  }

  function readMemory(at: number, lengthBytes: number): Uint8Array {
    if (at + lengthBytes > config.memoryMiB * 2 ** 20)
      throw new InputError(`the machine has no memory at ${at + lengthBytes - 1}`);
    return Uint8Array.from(
      { length: lengthBytes },
      (_, offset) => pages.get(pageOf(at + offset))?.[(at + offset) % PAGE_BYTES] ?? 0,
    );
  }

  function captureMemory(): Uint8Array {
    const memory = new Uint8Array(config.memoryMiB * 2 ** 20);
    for (const [index, page] of pages) memory.set(page, index * PAGE_BYTES);
    return memory;
  }

  function checkInstructions(present: Run): void {
    for (const [index, { when, then }] of (present.request.triggers ?? []).entries()) {
      if (when.on !== 'instruction' || present.seen[index] !== undefined || instructions < when.count) continue;
      present.seen[index] = 1;
      act(index, then, undefined);
    }
  }

  function finish(present: Run, reason: StopReason): RunReport {
    run = undefined;
    const { output: said, markers, captures, writes } = present;
    return {
      reason,
      console: Uint8Array.from(said.console),
      agent: Uint8Array.from(said.agent),
      markers,
      captures,
      writes,
      instructions,
      virtualMs: virtualMs(),
      beginMs: present.startMs,
    };
  }

  function send(channel: Channel, bytes: Uint8Array): void {
    history.push({ step: steps, did: 'send', channel, bytes });
    // No program reads the console.
    if (channel === 'agent') input.push(...bytes);
  }

  return {
    replay(past, until) {
      for (const stimulus of past) {
        while (steps < stimulus.step) step();
        if (stimulus.did === 'send') send(stimulus.channel, stimulus.bytes);
        else {
          history.push(stimulus);
          flip(stimulus.at, stimulus.bytes);
        }
      }
      while (steps < until) step();
    },
    history() {
      if (ended) throw new RigError('a machine that has ended cannot be checkpointed');
      return { history, steps };
    },
    begin(request) {
      if (ended)
        throw new RigError(`the machine has ended (${ended.why}) and cannot run on`, {
          remedy: 'make a new machine on the same disks',
        });
      run = {
        request,
        startMs: virtualMs(),
        output: { console: [], agent: [] },
        markers: [],
        captures: [],
        writes: config.disks.map(() => []),
        seen: [],
        stop: undefined,
      };
      for (const { channel, bytes } of request.send ?? []) send(channel, bytes);
      checkInstructions(run);
    },
    advance() {
      const present = run;
      if (!present) throw new RigError('the machine is not running');
      if (!ended && !present.stop) {
        step();
        if (!ended) checkInstructions(present);
      }
      const reason =
        ended ??
        present.stop ??
        (virtualMs() - present.startMs >= present.request.virtualMsMax ? ({ why: 'timeout' } as const) : undefined);
      return reason && finish(present, reason);
    },
    abort() {
      if (!run) throw new RigError('the machine is not running');
      return finish(run, { why: 'aborted' });
    },
    instructions: () => instructions,
    virtualMs,
    consoleSince: (from) => Uint8Array.from(run?.output.console.slice(from) ?? []),
    soFar: () => ({
      markers: run?.markers ?? [],
      writes: run?.writes ?? [],
      instructions,
      virtualMs: virtualMs(),
    }),
    readMemory,
    captureMemory,
    hashParts: () => [
      ...[...pages]
        .sort(([a], [b]) => a - b)
        .filter(([, page]) => page.some((byte) => byte !== 0))
        .map(([, page]) => page),
      new TextEncoder().encode(
        JSON.stringify({
          steps,
          instructions,
          idleMs,
          input,
          writeCounts,
          pages: [...pages.keys()].sort((a, b) => a - b),
        }),
      ),
    ],
  };
}

const pageOf = (at: number): number => Math.floor(at / PAGE_BYTES);

function store(own: Map<number, Uint8Array>, at: number, bytes: Uint8Array): void {
  for (let sector = 0; sector * SECTOR_BYTES < bytes.length; sector++) {
    own.set(at + sector, bytes.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES));
  }
}
