// SPDX-License-Identifier: MIT
/**
 * A page with one machine: shows what its session reports, and sends it what the user types and asks for.
 */
import '@xterm/xterm/css/xterm.css';
import { Terminal } from '@xterm/xterm/lib/xterm.mjs';
import type { Report } from '../../report/model.js';
import type { FromSession, PromptState, ToSession } from './session/protocol.js';
import type { Loading } from './storage/download.js';

/** What tests read from the page: the machine at its prompt, and the report of the last run. */
export interface PageResults {
  prompt?: PromptState;
  report?: Report;
}

/** The parts of the browser's API that this file uses. The project is type-checked without the DOM's types. */
interface PageElement {
  textContent: string;
  className: string;
  value: number;
  hidden: boolean;
  disabled: boolean;
  addEventListener(type: 'click', listener: () => void): void;
}
interface SessionWorker {
  postMessage(message: ToSession): void;
  addEventListener(type: 'message', listener: (event: { readonly data: FromSession }) => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
}
declare const document: { readonly baseURI: string; getElementById(id: string): PageElement };
declare const Worker: new (url: string, options: { readonly type: 'module' }) => SessionWorker;

const results: PageResults = {};
Object.assign(globalThis, { snapback: results });

const status = document.getElementById('status');
const bar = document.getElementById('loading');
const runButton = document.getElementById('run');
const stored = document.getElementById('stored');
const emptyButton = document.getElementById('empty');
const steps = document.getElementById('steps');
const verdict = document.getElementById('verdict');
const terminal = new Terminal({ cols: 120, rows: 36, fontFamily: 'monospace', fontSize: 13 });
terminal.open(document.getElementById('console'));

const say = (text: string, kind = ''): void => {
  status.textContent = text;
  status.className = kind;
};

const session = new Worker('session-worker.js', { type: 'module' });
session.addEventListener('message', ({ data }) => show(data));
session.addEventListener('error', ({ message }) =>
  say(`the session has ended: ${message ?? 'its program could not be loaded'}; what to do: reload the page`, 'failed'),
);
session.postMessage({ do: 'open', url: new URL('machine/machine.json', document.baseURI).href });
terminal.onData((text: string) => session.postMessage({ do: 'type', bytes: new TextEncoder().encode(text) }));
runButton.addEventListener('click', () => {
  runButton.disabled = true;
  session.postMessage({ do: 'run' });
});

emptyButton.addEventListener('click', () => session.postMessage({ do: 'emptyStore' }));

function show(message: FromSession): void {
  switch (message.tell) {
    case 'loading':
      return showLoading(message.loading);
    case 'restoring':
      bar.hidden = true;
      return say('restoring the machine');
    case 'prompt': {
      const { instructions, virtualMs, stateHash } = message.state;
      results.prompt = message.state;
      runButton.textContent = `Run: ${message.scenario}`;
      runButton.disabled = false;
      terminal.focus();
      return say(
        `at the prompt: instruction ${instructions}, ${virtualMs.toFixed(3)} ms; state ${stateHash.slice(0, 16)}`,
        'ready',
      );
    }
    case 'console':
      return terminal.write(message.bytes);
    case 'ended':
      return say(`the machine has ended: ${message.why}`);
    case 'running':
      verdict.textContent = '';
      steps.textContent = '';
      return say('running the scenario');
    case 'step':
      if (message.fraction !== undefined) steps.textContent += `${message.what}\n`;
      return say(message.what);
    case 'finding':
      steps.textContent += `finding: ${message.finding.what}\n`;
      return;
    case 'command':
      return;
    case 'verdict':
      bar.hidden = true;
      results.report = message.report;
      verdict.textContent = message.text;
      runButton.disabled = false;
      return say(
        `the scenario has ended: ${message.report.verdict}`,
        message.report.verdict === 'pass' ? 'ready' : 'failed',
      );
    case 'stored': {
      const { bytes, bytesMax } = message.stored;
      stored.textContent = `${megabytes(bytes)} of at most ${megabytes(bytesMax)} MB of the disks are kept in this browser`;
      emptyButton.disabled = bytes === 0;
      return;
    }
    case 'failed':
      bar.hidden = true;
      return say(
        [message.message, ...(message.remedy === undefined ? [] : [`what to do: ${message.remedy}`])].join('; '),
        'failed',
      );
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

function showLoading({ missing, loadedBytes, allBytes }: Loading): void {
  bar.hidden = loadedBytes === allBytes;
  bar.value = loadedBytes / allBytes;
  if (missing.length === 0) return say('unpacking');
  say(`loading ${missing.join(', ')}: ${megabytes(allBytes - loadedBytes)} of ${megabytes(allBytes)} MB left`);
}
