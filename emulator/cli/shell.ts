// SPDX-License-Identifier: MIT
/** `snapback shell`: the guest's console in the terminal. Guest time keeps to real time here, and only here. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bootStates, restoreAt, type Booter } from '../cycle/boot.js';
import { playTyping, readTyping, writeTyping, type Keystrokes } from '../cycle/typing.js';
import { createV86Engine } from '../engines/v86/host-node/engine.js';
import { byteCache } from '../host/node/byte-cache.js';
import { obtainMachineFiles } from '../host/node/machine-files.js';
import { loadScenario } from '../host/node/scenario-file.js';
import type { Machine } from '../machine/contract.js';
import { EXIT, InputError, RigError } from '../machine/errors.js';
import { buildContext } from './build-context.js';
import { ensurePrerequisites } from './doctor.js';
import type { CommandContext } from './program.js';
import { checkReportFiles, standardScenario } from './run.js';

export interface ShellOptions {
  readonly seed?: number;
  readonly record?: string;
  readonly play?: string;
}

/** Ctrl-]. */
const QUIT = 0x1d;
const SLICE_MS = 20;

export async function shellCommand(file: string | undefined, options: ShellOptions, { signal }: CommandContext): Promise<number> {
  const typing = options.play === undefined ? [] : await loadTyping(options.play);
  if (options.record !== undefined) await checkReportFiles({ console: options.record });
  const { plan, scenario } = await loadScenario(file ?? standardScenario(), options.seed === undefined ? {} : { seed: options.seed });
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context);
  const files = await obtainMachineFiles(plan.machine, scenario.disks, context);
  const booter: Booter = {
    engine: createV86Engine(),
    config: files.config,
    configKey: files.configKey,
    cache: byteCache(join(context.cacheDir, 'checkpoints')),
    signal,
    onProgress: (what) => {
      if (what !== '') progress.say(what);
    },
  };
  const state = await bootStates().at('agentReady', booter);
  const { machine } = await restoreAt(state, { ...booter, onProgress: () => undefined });
  progress.clear();
  console.error('snapback: the console of the guest; Ctrl-] quits');
  const onConsole = (bytes: Uint8Array): void => void process.stdout.write(bytes);
  try {
    const at = await playTyping(machine, typing, state.seen.instructions, { onConsole, signal });
    // A prompt is there already; a return brings it onto the screen.
    const typed = await converse(machine, at, typing.length === 0 ? [Uint8Array.of(0x0d)] : [], { onConsole, signal });
    if (options.record !== undefined) await save(options.record, writeTyping([...typing, ...typed]));
    return EXIT.pass;
  } finally {
    await machine.close();
  }
}

async function converse(
  machine: Machine,
  startInstruction: number,
  first: readonly Uint8Array[],
  { onConsole, signal }: { readonly onConsole: (bytes: Uint8Array) => void; readonly signal: AbortSignal },
): Promise<readonly Keystrokes[]> {
  const typed: Keystrokes[] = [];
  const keyboard = openKeyboard();
  const pending = [...first];
  let wake = (): void => undefined;
  let ended = false;
  keyboard.listen((bytes) => {
    const quit = bytes.indexOf(QUIT);
    if (quit >= 0) ended = true;
    if (quit !== 0) pending.push(quit > 0 ? bytes.subarray(0, quit) : bytes);
    wake();
  }, () => {
    ended = true;
    wake();
  });
  try {
    let atInstruction = startInstruction;
    let lastVirtualMs: number | undefined;
    while (!signal.aborted && !(ended && pending.length === 0)) {
      const bytes = Buffer.concat(pending.splice(0));
      if (bytes.length > 0) typed.push({ instruction: atInstruction, bytes });
      const startedMs = performance.now();
      const report = await machine.run({ ...(bytes.length > 0 && { send: [{ channel: 'console' as const, bytes }] }), virtualMsMax: SLICE_MS, onConsole, signal });
      atInstruction = report.instructions;
      if (report.reason.why === 'halted' || report.reason.why === 'reset') {
        process.stderr.write(`\r\nsnapback: the machine ${report.reason.why === 'halted' ? 'is off' : 'was reset'}\r\n`);
        break;
      }
      const aheadMs = report.virtualMs - (lastVirtualMs ?? report.virtualMs) - (performance.now() - startedMs);
      lastVirtualMs = report.virtualMs;
      if (aheadMs > 1 && pending.length === 0) await rest(aheadMs, (stop) => (wake = stop));
    }
    return typed;
  } finally {
    keyboard.close();
  }
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

function openKeyboard(): { readonly listen: (onBytes: (bytes: Uint8Array) => void, onEnd: () => void) => void; readonly close: () => void } {
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
      process.stdout.write('\r\n');
    },
  };
}

async function save(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((cause: unknown) => {
    throw new RigError(`cannot write what was typed to ${path}`, { cause, remedy: 'name a file in a folder that is there and writable' });
  });
}

async function loadTyping(path: string): Promise<readonly Keystrokes[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`cannot read ${path}`, { cause, remedy: 'give the path of a file that `snapback shell --record` wrote' });
  });
  const typing = readTyping(text);
  if ('badLine' in typing) throw new InputError(`${path}:${typing.badLine}: not a line of recorded typing`, { remedy: 'give a file that `snapback shell --record` wrote' });
  return typing;
}
