// SPDX-License-Identifier: MIT
/** The process of one QEMU. It ends with this process, however that ends. */
import { spawn } from 'node:child_process';

export interface QemuProcess {
  /** Resolves when it has ended, with how, for people. Never rejects. */
  readonly ended: Promise<string>;
  /** Id of the process QEMU itself. */
  readonly pid: Promise<number>;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Runs its arguments after the first as a program, which is killed as soon as the standard input ends. It ends when the
 * rig closes it, and also when the rig is killed. The folder of the first argument is removed in the end. The shell's own
 * messages go nowhere, because one to a rig that is gone would end the shell.
 */
const GUARD = `
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- & machine=$!
echo $machine
exec 2>/dev/null
(while read -r line; do :; done <&3; kill -9 $machine 2>/dev/null) >/dev/null & watcher=$!
exec 3<&-
wait $machine; status=$?
kill $watcher 2>/dev/null
rm -rf -- "$folder"
exit $status
`;

/** Starts `program`. `folder` belongs to it: it is removed when the program has ended. */
export function startProcess(program: string, args: readonly string[], folder: string): QemuProcess {
  // Its own session, so that a Ctrl-C at the terminal does not reach it: the rig ends it in an orderly way.
  const child = spawn('/bin/sh', ['-c', GUARD, 'sh', folder, program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    cwd: '/',
  });
  let complaint = '';
  const pid = new Promise<number>((resolve) => {
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('\n')) resolve(Number(said.split('\n', 1)[0]));
    });
  });
  child.stderr.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString()).slice(-2000)));
  child.stdin.on('error', () => undefined);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) =>
      resolve([signal ?? `status ${status}`, complaint.trim()].join('\n').trim()),
    );
  });
  return {
    ended,
    pid,
    kill: () => child.stdin.destroy(),
  };
}
