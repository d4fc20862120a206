// SPDX-License-Identifier: MIT
/** A guest system of a few lines for the fake engine: boots, answers as the agent does, suspends to its second disk, resumes. */
import { createHash } from 'node:crypto';
import { encodeFrame, FrameReader, type Frame } from '../../../emulator/agent/frame.js';
import {
  ANSWER,
  JOB_STATE,
  PayloadReader,
  payloadOf,
  PROTOCOL_VERSION,
  REQUEST,
  START_FOLLOW,
} from '../../../emulator/agent/protocol.js';
import { createFakeEngine } from '../../../emulator/engines/fake/engine.js';
import type { FakeEvent, FakeScript } from '../../../emulator/engines/fake/script.js';
import type { Engine, MachineConfig } from '../../../emulator/machine/contract.js';
import { MARKER_LAYOUT, stepBegin, stepEnd, USER_MARKERS } from '../../../emulator/machine/markers.js';
import { gpa, sector } from '../../../emulator/machine/units.js';

export interface FakeCommand {
  readonly stdout?: string;
  readonly then?: FakeScript;
  readonly exit?: number;
  /** It ends when it is killed; `immortal`: not even then. */
  readonly hangs?: boolean | 'immortal';
}

export interface FakeSystem {
  /** Programs that are started in the background print this and run on, unless `ends` says when they end. */
  readonly background?: {
    readonly ends?: 'atOnce' | 'afterResume';
    readonly stdout: string;
    readonly exit?: number;
    readonly signal?: number;
    /** Another process of their group outlives them: for ever, or until the resume. */
    readonly helper?: 'stays' | 'untilResume';
    /** What they print, in addition, in the live timeline. */
    readonly liveStdout?: string;
  };
  /** What a command prints, what happens then, and how it ends; the suspending command is not asked for. */
  readonly commands?: Readonly<Record<string, FakeCommand>>;
  /** Answers that the kernel would not suspend. */
  readonly refusesSuspend?: boolean;
  /** It answers so before its call begins. */
  readonly refusesEarly?: boolean;
  /** The suspending command succeeds, but the machine is not suspended. */
  readonly ignoresSuspend?: boolean;
  /** The snapshot fails when memory has been copied. */
  readonly failsAfterCopy?: boolean;
  /** The live timeline of a snapshot brings its image home, unless told otherwise. */
  readonly savesImage?: boolean;
  /** The kernel finds its first copy wanting, and makes another. */
  readonly copiesTwice?: boolean;
  /** Comes back from its image, and stands still before it answers anything. */
  readonly diesRestored?: boolean;
  /** Stands still there for ever, with its clock running. */
  readonly hangsAt?: 'suspend' | 'resume' | 'shutdown';
  /** What the shutdown cannot take down. */
  readonly staysBusy?: readonly string[];
  /** Never gets as far as its init, and says why. */
  readonly panics?: string;
  /** Halts in place of starting its agent, and says why. */
  readonly agentless?: string;
  /** What its initramfs says when a device is missing, at a boot and where it would resume; it goes on to neither then. */
  readonly stopped?: string;
  /** It does so only from this boot of the disks on; the first is 1. */
  readonly ofBoots?: number;
  /** Its kernel chooses another place at each power-on, of which this is the number, and says where. */
  readonly moves?: (powerOn: number) => number;
}

const sha256 = (parts: readonly Uint8Array[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

export function fakeSystem(system: FakeSystem): Engine {
  let powerOns = 0;
  return createFakeEngine({ script: () => script(system, ++powerOns), sha256 });
}

export const fakeConfig: MachineConfig = {
  memoryMiB: 128,
  bios: new Uint8Array(),
  vgaBios: new Uint8Array(),
  kernel: new Uint8Array(),
  cmdline: '',
  disks: [{ base: new Uint8Array(4096) }, { base: new Uint8Array(4096) }],
  seed: 1,
  wallClockMs: 0,
};

const HANG: FakeScript = [{ do: 'sleep', ms: 10_000_000 }];

const IMAGE = Uint8Array.from({ length: 512 }, () => 0x49);

function script(system: FakeSystem, powerOn: number): FakeScript {
  if (system.panics !== undefined)
    return [{ do: 'console', text: `Kernel panic - not syncing: ${system.panics}\n` }, { do: 'halt' }];
  return [
    { do: 'console', text: 'booting\n' },
    { do: 'work', instructions: 1000 },
    ...(system.moves === undefined
      ? []
      : [{ do: 'marker' as const, kind: MARKER_LAYOUT, word0: system.moves(powerOn), word1: 8 }]),
    { do: 'marker', kind: USER_MARKERS.beforeDisk },
    ...(system.stopped === undefined ? [] : stop(system.stopped)),
    { do: 'look', then: (view) => (view.readSectors(1, sector(0), 1)[0] === IMAGE[0] ? resume(system) : boot(system)) },
  ];
}

/** It would run for ever if the rig did not look for the marker. */
const stop = (said: string): FakeScript => [
  { do: 'console', text: `init: stopped: ${said}\n` },
  { do: 'marker', kind: USER_MARKERS.bootStopped },
  ...HANG,
];

function boot(system: FakeSystem): FakeScript {
  return [
    { do: 'marker', kind: USER_MARKERS.bootDecision, word0: 0 },
    { do: 'look', then: (view) => toAgent(system, 1 + (view.readSectors(0, sector(1), 1)[0] ?? 0)) },
  ];
}

/** A boot of the disks, which count their boots. */
function toAgent(system: FakeSystem, boots: number): FakeScript {
  if (system.agentless !== undefined && boots >= (system.ofBoots ?? 1))
    return [{ do: 'console', text: `${system.agentless}\n` }, { do: 'halt' }];
  return [
    { do: 'write', disk: 0, sector: sector(1), bytes: new Uint8Array(512).fill(boots) },
    { do: 'marker', kind: USER_MARKERS.agentReady },
    serve(system, undefined),
  ];
}

function resume(system: FakeSystem): FakeScript {
  return [
    { do: 'marker', kind: USER_MARKERS.bootDecision, word0: 1 },
    { do: 'write', disk: 1, sector: sector(0), bytes: new Uint8Array(512) },
    ...(system.hangsAt === 'resume' ? HANG : []),
    { do: 'marker', kind: stepBegin('restore') },
    { do: 'marker', kind: stepEnd('restore') },
    { do: 'work', instructions: 500 },
    { do: 'marker', kind: stepEnd('thawTasks') },
    system.diesRestored === true ? { do: 'halt' } : serve(system, { stdout: '', exit: 0 }),
  ];
}

/** Waits for requests. `suspender`: how the job that suspended has ended, once it has. */
function serve(
  system: FakeSystem,
  suspender: { readonly stdout: string; readonly exit: number } | undefined,
): FakeEvent {
  return {
    do: 'receive',
    byte: 0,
    then: ({ received }) => [
      ...new FrameReader().take(received).flatMap((frame) => answer(frame, system, suspender)),
      serve(system, suspender),
    ],
  };
}

const say = (type: number, id: number, ...parts: (number | string | Uint8Array)[]): FakeEvent => ({
  do: 'agent',
  bytes: encodeFrame({ type, id, payload: payloadOf(...parts) }),
});

/** Of each system, the programs that it was told to start in the background. */
const backgroundIds = new WeakMap<FakeSystem, Set<number>>();
const highestId = (system: FakeSystem): number => Math.max(1000, ...(backgroundIds.get(system) ?? []));
/** Systems of which a snapshot was taken. */
const snapshotted = new WeakSet<FakeSystem>();
/** Those of them that are going to go back to it. */
const goingBack = new WeakSet<FakeSystem>();

function answer(
  { type, id, payload }: Frame,
  system: FakeSystem,
  suspender: { readonly stdout: string; readonly exit: number } | undefined,
): FakeScript {
  const words = new PayloadReader(payload);
  switch (type) {
    case REQUEST.hello:
      return [say(ANSWER.hello, id, PROTOCOL_VERSION, words.word(), 77, highestId(system), 'boot-id')];
    case REQUEST.start:
      return start(id, words, system);
    case REQUEST.collect:
      if (backgroundIds.get(system)?.has(id) === true)
        return background(id, words.word(), system, suspender !== undefined);
      return suspender
        ? ended(id, suspender.stdout, suspender.exit)
        : [say(ANSWER.status, id, JOB_STATE.running, 0, 0, 0)];
    case REQUEST.kill:
      return [say(ANSWER.ok, id), ...killed(words.word(), system)];
    case REQUEST.shutdown:
      return [
        say(ANSWER.ok, id),
        ...(system.hangsAt === 'shutdown' ? HANG : []),
        ...shutDown(system.staysBusy ?? []),
        { do: 'halt' },
      ];
    default:
      return [say(ANSWER.ok, id)];
  }
}

/** The output from this byte on, and the state, of a program in the background. */
function background(id: number, from: number, system: FakeSystem, isResumed: boolean): FakeScript {
  const { stdout = '', ends, exit = 0, signal, helper, liveStdout = '' } = system.background ?? {};
  const isLive = snapshotted.has(system) && !isResumed;
  const said = stdout + (isLive ? liveStdout : '');
  const { length } = new TextEncoder().encode(said);
  const over = ends === 'atOnce' || (ends === 'afterResume' && isResumed);
  const groupRuns = helper === 'stays' || (helper === 'untilResume' && !isResumed);
  const state = over ? [signal === undefined ? JOB_STATE.exited : JOB_STATE.signalled, signal ?? exit] : [0, 0];
  return [...printed(id, said, from), say(ANSWER.status, id, ...state, length, 0, over && !groupRuns ? 0 : 1)];
}

function shutDown(staysBusy: readonly string[]): FakeScript {
  return [
    ...staysBusy.map((what): FakeEvent => ({ do: 'console', text: `init: stays busy: ${what}\r\n` })),
    { do: 'marker', kind: USER_MARKERS.shutdown, word0: staysBusy.length },
  ];
}

function start(id: number, words: PayloadReader, system: FakeSystem): FakeScript {
  const flags = words.word();
  const [, argc, envc] = [words.word(), words.word(), words.word()];
  words.text();
  const argv = Array.from({ length: argc }, () => words.text());
  void envc;
  const command = argv.at(-1) ?? '';
  const started = say(ANSWER.started, id, 5);
  if (command.includes('/sys/power/state')) {
    if (system.ignoresSuspend === true) return [started, ...ended(id, '', 0)];
    if (system.refusesEarly === true) return [started, ...ended(id, 'echo: write error: No space left on device\n', 1)];
    if (system.refusesSuspend === true) return [started, ...refuse(id)];
    return [started, ...(system.hangsAt === 'suspend' ? HANG : suspend())];
  }
  if (command.includes('snapctl take')) {
    if (system.refusesSuspend === true) return [started, ...refuse(id)];
    if (system.failsAfterCopy === true) return [started, ...failedCopy(), ...ended(id, 'no memory\n', 1)];
    snapshotted.add(system);
    if (command.includes('snapctl rollback')) goingBack.add(system);
    else goingBack.delete(system);
    return [started, ...(system.hangsAt === 'suspend' ? HANG : snapshot(system))];
  }
  // Waits for the image to be saved.
  if (command.startsWith('until ')) return [started, ...ended(id, 'no space\n', system.savesImage === false ? 1 : 0)];
  // Tells the live timeline to save its image, or to go back.
  if (command.endsWith('/go')) return [started, ...(goingBack.has(system) ? rollBack(system) : ended(id, '', 0))];
  const known = system.commands?.[command];
  const { stdout = '', then = [], exit = known ? 0 : 127, hangs = false } = known ?? {};
  if (hangs !== false) return [started, ...then, ...printed(id, stdout)];
  if ((flags & START_FOLLOW) !== 0) return [started, ...then, ...ended(id, stdout, exit)];
  backgroundIds.set(system, (backgroundIds.get(system) ?? new Set()).add(id));
  return [started];
}

function suspend(): FakeScript {
  return [
    { do: 'marker', kind: stepBegin('freezeTasks') },
    { do: 'work', instructions: 200 },
    { do: 'poke', gpa: gpa(0x1000), bytes: Uint8Array.of(0xaa) },
    { do: 'marker', kind: stepBegin('copy') },
    { do: 'write', disk: 1, sector: sector(1), bytes: IMAGE },
    { do: 'write', disk: 1, sector: sector(0), bytes: IMAGE },
    { do: 'halt' },
  ];
}

/** The kernel's error numbers are negative. */
const callEnd = (errno: number): FakeEvent => ({ do: 'marker', kind: stepEnd('call'), word1: -errno >>> 0 });

/** EBUSY. */
function refuse(id: number): FakeScript {
  return [
    { do: 'marker', kind: stepBegin('call') },
    { do: 'console', text: 'PM: hibernation: Some devices failed to power down\n' },
    callEnd(16),
    ...ended(id, 'busy\n', 1),
  ];
}

/** ENOMEM. */
function failedCopy(): FakeScript {
  return [
    { do: 'marker', kind: stepBegin('call') },
    { do: 'marker', kind: stepBegin('copy') },
    { do: 'marker', kind: stepEnd('copy') },
    callEnd(12),
  ];
}

/** The live timeline writes after the copy, and to its stores only. */
function snapshot({ copiesTwice = false }: FakeSystem): FakeScript {
  const inVain: FakeScript = [
    { do: 'poke', gpa: gpa(0x1000), bytes: Uint8Array.of(0x99) },
    { do: 'marker', kind: stepBegin('copy') },
    { do: 'marker', kind: stepEnd('copy') },
    { do: 'write', disk: 1, sector: sector(3), bytes: IMAGE },
  ];
  return [
    { do: 'marker', kind: stepBegin('call') },
    ...(copiesTwice ? inVain : []),
    { do: 'marker', kind: stepEnd('freezeFilesystems') },
    { do: 'marker', kind: stepBegin('freezeTasks') },
    // What a filesystem has written to the page cache of a device as it was frozen.
    { do: 'write', disk: 1, sector: sector(1), bytes: IMAGE },
    { do: 'marker', kind: stepBegin('preserve') },
    { do: 'write', disk: 1, sector: sector(2), bytes: IMAGE },
    { do: 'work', instructions: 200 },
    { do: 'poke', gpa: gpa(0x1000), bytes: Uint8Array.of(0xbb) },
    { do: 'marker', kind: stepBegin('copy') },
    { do: 'marker', kind: stepEnd('copy') },
    { do: 'poke', gpa: gpa(0x1000), bytes: Uint8Array.of(0xcc) },
    { do: 'work', instructions: 100 },
    { do: 'marker', kind: stepEnd('thawTasks') },
    { do: 'write', disk: 1, sector: sector(0), bytes: IMAGE },
    { do: 'marker', kind: stepEnd('call'), word0: 0 },
  ];
}

/** Who asked for it gets no answer: the system goes on where it was suspended. */
function rollBack(system: FakeSystem): FakeScript {
  return [
    { do: 'marker', kind: stepBegin('rollback') },
    { do: 'poke', gpa: gpa(0x1000), bytes: Uint8Array.of(0xbb) },
    { do: 'marker', kind: stepEnd('restore') },
    { do: 'work', instructions: 100 },
    { do: 'marker', kind: stepEnd('thawTasks') },
    serve(system, { stdout: '', exit: 0 }),
  ];
}

function printed(id: number, stdout: string, from = 0): FakeScript {
  const bytes = new TextEncoder().encode(stdout).subarray(from);
  return bytes.length === 0 ? [] : [say(ANSWER.output, id, 1, from, bytes)];
}

function ended(id: number, stdout: string, exit: number): FakeScript {
  const { length } = new TextEncoder().encode(stdout);
  return [...printed(id, stdout), say(ANSWER.status, id, JOB_STATE.exited, exit, length, 0)];
}

/** The end of the one command that hangs. */
function killed(id: number, { commands = {} }: FakeSystem): FakeScript {
  const { stdout = '', hangs } = Object.values(commands).find((command) => command.hangs !== undefined) ?? {};
  if (hangs === 'immortal') return [];
  return [say(ANSWER.status, id, JOB_STATE.signalled, 9, new TextEncoder().encode(stdout).length, 0)];
}
