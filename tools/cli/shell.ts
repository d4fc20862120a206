// SPDX-License-Identifier: MIT
/** `snapback shell`: the guest's console in the terminal. Guest time keeps to real time here, and only here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from '../../emulator/agent/agent.js';
import { resultOf } from '../../emulator/cycle/commands.js';
import { bootStates, machineAt, type Booter } from '../../emulator/cycle/boot.js';
import { describeStop } from '../../emulator/cycle/stop.js';
import {
  playTyping,
  readTyping,
  writeTyping,
  type Keystrokes,
  type Recording,
  type TerminalSize,
} from '../../emulator/cycle/typing.js';
import { byteCache } from '../../emulator/host/node/byte-cache.js';
import { obtainMachineFiles, withShare } from '../run/machine-files.js';
import { sharedEngine } from '../run/engines.js';
import { loadScenario } from '../run/scenario-file.js';
import type { Machine, RunReport } from '../../emulator/machine/contract.js';
import { EXIT, GuestError, InputError } from '../../emulator/machine/errors.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites } from './doctor.js';
import type { CommandContext } from './context.js';
import { TwoFailures } from './failure.js';
import { settleFiles, STDOUT, writeFiles } from './report-files.js';
import { standardScenario } from './run.js';
import { foregroundName, shellWaits } from './terminal-state.js';

export interface ShellOptions {
  readonly seed?: number;
  readonly record?: string;
  readonly play?: string;
  /** Seconds of the guest's time. */
  readonly timeout?: number;
}

/** Default bound of the virtual time that the guest may run after the end of the input. */
export const SHELL_TIMEOUT_S = 60;

/** Ctrl-]. */
const QUIT = 0x1d;
/** Ctrl-D: the end of input. */
const END_OF_INPUT = 0x04;
const SLICE_MS = 20;
/** The console counts as quiet after this virtual time without output. */
const QUIET_MS = 200;
/** Upper bound of the interval between two checks, which doubles while nothing happens. */
const QUIET_MS_MAX = 10_000;
/** A program that has been quiet for this virtual time after the last input gets an end of input. */
const NO_MORE_MS = 1000;

export async function shellCommand(
  file: string | undefined,
  options: ShellOptions,
  { signal }: CommandContext,
): Promise<number> {
  const played = options.play === undefined ? undefined : await loadTyping(options.play);
  const { record } = options.record === undefined ? {} : await settleFiles({ record: options.record });
  if (record === STDOUT)
    throw new InputError('--record names standard output, which shows the console of the guest', {
      remedy: 'name a file',
    });
  const { plan, scenario } = await loadScenario(
    file ?? standardScenario(),
    options.seed === undefined ? {} : { seed: options.seed },
  );
  const engine = sharedEngine(plan.machine.engine);
  if (!engine.traits.deterministic && (options.record !== undefined || options.play !== undefined))
    throw new InputError(
      `typing cannot be recorded or played on the engine ${engine.name}, which is not deterministic`,
      {
        remedy: 'leave out --record and --play, or use a machine of the engine v86',
      },
    );
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context, plan.machine.engine === 'qemu' ? ['qemu'] : []);
  const files = withShare(await obtainMachineFiles(plan.machine, scenario.disks, context), plan.share);
  const booter: Booter = {
    engine,
    config: files.config,
    configKey: files.configKey,
    cache: byteCache(join(context.cacheDir, 'checkpoints')),
    signal,
    onProgress: (what) => {
      if (what !== '') progress.say(what);
    },
  };
  const { machine, seen } = await machineAt('agentReady', booter, bootStates());
  progress.clear();
  const atTerminal = process.stdin.isTTY;
  console.error(`snapback: the console of the guest; ${atTerminal ? 'Ctrl-] quits' : 'it ends with the input'}`);
  const onConsole = (bytes: Uint8Array): void => void process.stdout.write(bytes);
  const guest = watchGuest(machine, { onConsole, signal });
  const size = played ? played.size : sizeOfTerminal();
  const before = played?.typing ?? [];
  try {
    if (size) await setSize(guest, size);
    const start = guest.seen.report?.instructions ?? seen().instructions;
    const typing: Keystrokes[] = [...before];
    await withRecording(record, { size, typing }, async () => {
      const at = await playTyping(machine, before, start, { onConsole, signal });
      // The guest has already printed its prompt. A return prints it again.
      const first = before.length === 0 ? [Uint8Array.of(0x0d)] : [];
      // With a recording, standard input may be a pipe that is never written to or closed, so it is not read.
      const left =
        options.play !== undefined && !atTerminal
          ? 'endOfInput'
          : await converse(machine, at, first, (keys) => typing.push(keys), { onConsole, signal });
      if (left === 'endOfInput') await finish(guest, (options.timeout ?? SHELL_TIMEOUT_S) * 1000);
    });
    signal.throwIfAborted();
    return EXIT.pass;
  } finally {
    await machine.close();
  }
}

/**
 * Does `work`, which adds to the typing of `recording`, and then writes the recording to `file`, also when the work
 * fails: the keys that ended a machine are the ones that somebody wants to repeat.
 * @throws the error of the work; {@link TwoFailures} when the recording could not be written after it.
 * @throws RigError when only the recording could not be written.
 */
export async function withRecording(
  file: string | undefined,
  recording: Recording,
  work: () => Promise<void>,
): Promise<void> {
  const write = async (): Promise<void> => {
    if (file !== undefined) await writeFiles([{ file, text: writeTyping(recording) }]);
  };
  try {
    await work();
  } catch (error) {
    await write().catch((second: unknown) => {
      throw new TwoFailures(error, second);
    });
    throw error;
  }
  await write();
}

/**
 * Connects the keyboard and the console of a machine at instruction `startInstruction`, and returns why that ended.
 * `onTyped` gets the keys before the machine does.
 * @throws the error of the machine.
 */
export async function converse(
  machine: Machine,
  startInstruction: number,
  first: readonly Uint8Array[],
  onTyped: (keys: Keystrokes) => void,
  { onConsole, signal }: { readonly onConsole: (bytes: Uint8Array) => void; readonly signal: AbortSignal },
): Promise<'quit' | 'endOfInput' | 'machineStopped'> {
  const keyboard = openKeyboard();
  const pending = [...first];
  let wake = (): void => undefined;
  let left: Awaited<ReturnType<typeof converse>> | undefined;
  keyboard.listen(
    (bytes) => {
      const quit = bytes.indexOf(QUIT);
      if (left !== undefined) return;
      if (quit >= 0) left = 'quit';
      if (quit !== 0) pending.push(quit > 0 ? bytes.subarray(0, quit) : bytes);
      wake();
    },
    () => {
      left ??= 'endOfInput';
      wake();
    },
  );
  try {
    let atInstruction = startInstruction;
    let lastVirtualMs: number | undefined;
    while (!signal.aborted && !(left !== undefined && pending.length === 0)) {
      const bytes = Buffer.concat(pending.splice(0));
      if (bytes.length > 0) onTyped({ instruction: atInstruction, bytes });
      const startedMs = performance.now();
      const report = await machine.run({
        ...(bytes.length > 0 && { send: [{ channel: 'console' as const, bytes }] }),
        virtualMsMax: SLICE_MS,
        onConsole,
        signal,
      });
      atInstruction = report.instructions;
      if (report.reason.why === 'misuse') throw new GuestError(describeStop(report.reason, report.virtualMs));
      if (report.reason.why === 'halted' || report.reason.why === 'reset') {
        sayStopped(report.reason.why);
        left = 'machineStopped';
        break;
      }
      const aheadMs = report.virtualMs - (lastVirtualMs ?? report.virtualMs) - (performance.now() - startedMs);
      lastVirtualMs = report.virtualMs;
      if (aheadMs > 1 && pending.length === 0) await rest(aheadMs, (stop) => (wake = stop));
    }
    return left ?? 'quit';
  } finally {
    keyboard.close();
  }
}

interface Terminal {
  readonly onConsole: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/** A guest that is used by its console and by its agent. */
interface Guest extends Terminal {
  readonly machine: Machine;
  readonly agent: Agent;
  /** Collected over all runs of the agent. */
  readonly seen: { consoleBytes: number; report: RunReport | undefined };
}

function watchGuest(machine: Machine, { onConsole, signal }: Terminal): Guest {
  const seen: Guest['seen'] = { consoleBytes: 0, report: undefined };
  const count = (bytes: Uint8Array): void => {
    seen.consoleBytes += bytes.length;
    onConsole(bytes);
  };
  const onReport = (report: RunReport): void => void (seen.report = report);
  return { machine, agent: new Agent(machine, { onConsole: count, onReport, signal }), seen, onConsole: count, signal };
}

const sizeOfTerminal = (): TerminalSize | undefined =>
  process.stdin.isTTY && process.stdout.isTTY && process.stdout.rows > 0 && process.stdout.columns > 0
    ? { rows: process.stdout.rows, columns: process.stdout.columns }
    : undefined;

/** Sets the size of the guest's console to that of the terminal, because a serial line does not transmit it. */
async function setSize({ agent }: Guest, { rows, columns }: TerminalSize): Promise<void> {
  await agent.connect();
  const command = `stty rows ${rows} columns ${columns} < /dev/ttyS0`;
  const { exitCode, stderr } = resultOf(await agent.exec(['/bin/sh', '-c', command]));
  if (exitCode !== 0) throw new GuestError(`\`${command}\` failed in the guest: ${stderr.trim()}`);
}

/**
 * Lets the guest run until its shell waits for more input. Programs that still read get an end of input.
 * @throws GuestError when a program still runs after `virtualMsMax`.
 */
async function finish(guest: Guest, virtualMsMax: number): Promise<void> {
  const { machine, agent, seen, onConsole, signal } = guest;
  const stopped = (): 'halted' | 'reset' | undefined => {
    const why = seen.report?.reason.why;
    return why === 'halted' || why === 'reset' ? why : undefined;
  };
  let startMs: number | undefined;
  /**
   * True just after an end of input was sent. An editor, for example, prints something then. Such output does not
   * count.
   */
  let told = false;
  try {
    let connected = false;
    for (let quietMs = QUIET_MS; ;) {
      seen.consoleBytes = 0;
      const waitedMs = quietMs;
      await agent.letRun(waitedMs);
      const why = stopped();
      if (why !== undefined) return sayStopped(why);
      const nowMs = seen.report?.virtualMs ?? 0;
      startMs ??= nowMs;
      const isLate = nowMs - startMs > virtualMsMax;
      const news = seen.consoleBytes > 0 && !told;
      told = false;
      quietMs = news ? QUIET_MS : Math.min(2 * quietMs, QUIET_MS_MAX);
      if (news && !isLate) continue;
      if (!connected) await agent.connect();
      connected = true;
      const stats = await agent.exec(['/bin/sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null']);
      const processes = new TextDecoder().decode(stats.stdout);
      if (shellWaits(processes)) return;
      if (isLate) throw stillRuns(foregroundName(processes), virtualMsMax);
      if (waitedMs >= NO_MORE_MS) {
        const send = [{ channel: 'console' as const, bytes: Uint8Array.of(END_OF_INPUT) }];
        await machine.run({ send, virtualMsMax: 1, onConsole, signal });
        told = true;
      }
    }
  } catch (error) {
    // The guest may power off during a request to its agent.
    const why = stopped();
    if (why === undefined || !(error instanceof GuestError)) throw error;
    sayStopped(why);
  }
}

function stillRuns(name: string | undefined, virtualMsMax: number): GuestError {
  return new GuestError(
    `${name === undefined ? 'a program' : `'${name}'`} is still running ${virtualMsMax / 1000} s of the guest's time after the end of the input`,
    { remedy: 'add the input that ends it (`:q!` for vi), or give it more time with --timeout' },
  );
}

function sayStopped(why: 'halted' | 'reset'): void {
  process.stderr.write(`\r\nsnapback: the machine ${why === 'halted' ? 'is off' : 'was reset'}\r\n`);
}

function rest(ms: number, wakeWith: (stop: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wakeWith(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function openKeyboard(): {
  readonly listen: (onBytes: (bytes: Uint8Array) => void, onEnd: () => void) => void;
  readonly close: () => void;
} {
  const { stdin } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  return {
    listen: (onBytes, onEnd) => {
      stdin.on('data', onBytes);
      stdin.on('end', onEnd);
      stdin.resume();
    },
    close: () => {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.removeAllListeners('data');
      stdin.pause();
      process.stdout.write(stdin.isTTY ? '\r\n' : '\n');
    },
  };
}

async function loadTyping(path: string): Promise<Recording> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`cannot read ${path}`, {
      cause,
      remedy: 'give the path of a file that `snapback shell --record` wrote',
    });
  });
  const typing = readTyping(text);
  if ('badLine' in typing)
    throw new InputError(`${path}:${typing.badLine}: not a line of recorded typing`, {
      remedy: 'give a file that `snapback shell --record` wrote',
    });
  return typing;
}
