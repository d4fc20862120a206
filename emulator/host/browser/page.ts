// SPDX-License-Identifier: MIT
/**
 * A page with one machine: boots it to the marker that the server names, shows its state, and then opens the console.
 */
import '@xterm/xterm/css/xterm.css';
import { Terminal } from '@xterm/xterm/lib/xterm.mjs';
import { createBrowserEngine } from '../../engines/v86/host-browser/engine.js';
import type { Machine, StopReason } from '../../machine/contract.js';
import { markerName } from '../../machine/markers.js';
import { loadMachine } from './machine-files.js';

/** The state at the marker. Tests read it from the page. */
export interface PageState {
  readonly reason: StopReason;
  readonly instructions: number;
  readonly virtualMs: number;
  readonly stateHash: string;
  readonly realMs: number;
}

/** The part of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface PageElement {
  textContent: string;
  className: string;
}
declare const document: { getElementById(id: string): PageElement };
const page = globalThis as unknown as { snapback?: Promise<PageState> };

const BOOT_MS_MAX = 60_000;
/** Guest time per run while the console is open, and the real time that it should take. */
const STRETCH_MS = 20;

const status = document.getElementById('status');
const terminal = new Terminal({ cols: 120, rows: 36, fontFamily: 'monospace', fontSize: 13 });
terminal.open(document.getElementById('console'));

const say = (text: string, kind = ''): void => {
  status.textContent = text;
  status.className = kind;
};

page.snapback = boot();
page.snapback.catch((error: unknown) => say(error instanceof Error ? error.message : String(error), 'failed'));

async function boot(): Promise<PageState> {
  const { config, marker } = await loadMachine('machine/machine.json', (loaded, all) =>
    say(`loading: ${(loaded / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`),
  );
  const engine = createBrowserEngine({ workerUrl: 'machine-worker.js', wasmUrl: 'v86.wasm' });
  say('booting');
  const machine = await engine.powerOn(config);
  const started = performance.now();
  const { reason, instructions, virtualMs } = await machine.run({
    virtualMsMax: BOOT_MS_MAX,
    triggers: [{ when: { on: 'marker', kind: marker }, then: { do: 'stop' } }],
    onConsole: (bytes) => terminal.write(bytes),
    onProgress: (count) => say(`booting: ${Math.round(count / 1e6)} million instructions`),
  });
  const realMs = performance.now() - started;
  const stateHash = await machine.stateHash();
  if (reason.why !== 'trigger')
    say(`${markerName(marker)} was not reached: ${reason.why} at instruction ${instructions}`, 'failed');
  else {
    say(
      `${markerName(marker)} at instruction ${instructions}, ${virtualMs.toFixed(3)} ms; state ${stateHash.slice(0, 16)}`,
      'ready',
    );
    converse(machine).catch((error: unknown) => say(error instanceof Error ? error.message : String(error), 'failed'));
  }
  return { reason, instructions, virtualMs, stateHash, realMs };
}

/** Runs the machine at the speed of real time, with the typed input. */
async function converse(machine: Machine): Promise<void> {
  let typed = new Uint8Array(0);
  terminal.onData((text: string) => {
    const bytes = new TextEncoder().encode(text);
    const joined = new Uint8Array(typed.length + bytes.length);
    joined.set(typed);
    joined.set(bytes, typed.length);
    typed = joined;
  });
  terminal.focus();
  for (;;) {
    const due = performance.now() + STRETCH_MS;
    const bytes = typed;
    typed = new Uint8Array(0);
    const { reason } = await machine.run({
      virtualMsMax: STRETCH_MS,
      send: bytes.length > 0 ? [{ channel: 'console', bytes }] : [],
      onConsole: (output) => terminal.write(output),
    });
    if (reason.why !== 'timeout') {
      say(`the machine has ended: ${reason.why}`);
      return;
    }
    await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
  }
}
