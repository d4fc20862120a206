// SPDX-License-Identifier: MIT
/**
 * A stand-in for a machine in which only the agent channel is real: a child process, the guest's own agent
 * program, behind pipes. Its virtual time is the host's.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { concat } from '../../../emulator/agent/frame.js';
import type { Machine, RunReport, RunRequest } from '../../../emulator/machine/contract.js';

export interface ChildMachine extends Machine {
  readonly child: ChildProcessWithoutNullStreams;
}

const unsupported = (): Promise<never> => Promise.reject(new Error('this machine has only an agent'));

/** A machine around one more channel to a process that runs already, or around a new process. */
export function childMachine(child: ChildProcessWithoutNullStreams): ChildMachine {
  let pending: Uint8Array[] = [];
  let wake: (() => void) | undefined;
  let ended = false;
  child.stdout.on('data', (bytes: Buffer) => {
    pending.push(new Uint8Array(bytes));
    wake?.();
  });
  child.on('close', () => {
    ended = true;
    wake?.();
  });
  const started = performance.now();
  const now = (): number => performance.now() - started;

  const run = async (request: RunRequest): Promise<RunReport> => {
    for (const { bytes } of request.send ?? []) child.stdin.write(bytes);
    const deadline = now() + request.virtualMsMax;
    const out: Uint8Array[] = [];
    const report = (reason: RunReport['reason']): RunReport => ({
      reason,
      console: new Uint8Array(0),
      agent: concat(out),
      markers: [],
      captures: [],
      writes: [],
      instructions: 0,
      virtualMs: now(),
    });
    for (;;) {
      const come = pending;
      pending = [];
      out.push(...come);
      const stop = request.untilByte?.byte;
      if (stop !== undefined && come.some((bytes) => bytes.includes(stop))) return report({ why: 'byte' });
      if (ended) return report({ why: 'halted' });
      const leftMs = deadline - now();
      if (leftMs <= 0) return report({ why: 'timeout' });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };

  return {
    engine: 'child',
    child,
    run,
    readMemory: unsupported,
    captureMemory: unsupported,
    stateHash: unsupported,
    checkpoint: unsupported,
    close: async () => {
      if (ended) return;
      const closed = once(child, 'close');
      child.stdin.end();
      child.kill();
      await closed;
    },
  };
}

/** The guest's agent as a process of this host. */
export function startAgent(program: string): ChildProcessWithoutNullStreams {
  const child = spawn(program, ['-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  return child;
}
