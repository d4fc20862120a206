// SPDX-License-Identifier: MIT
/** Child processes of build steps: bounded by the context's signal, their output kept for the error. */
import { spawn } from 'node:child_process';
import { RigError } from '../../machine/errors.js';
import type { BuildContext } from './artifacts/context.js';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** Called for each complete line of output, for progress. */
  readonly onLine?: (line: string) => void;
  /** Exit statuses that mean success; default only 0. */
  readonly okStatuses?: readonly number[] | 'any';
  /** Real time in ms after which the program is killed, which is an error. */
  readonly timeoutMs?: number;
  /** Bytes that are kept of each of its outputs. Further output is dropped. */
  readonly outputBytesMax?: number;
  /**
   * A file that the program waits for and locks (flock) before it begins; its child processes keep the lock. If this
   * process is killed and the programs continue, no other build interferes with them.
   */
  readonly lock?: string;
  /** What to do when the program is missing or fails. */
  readonly remedy?: string;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Output was dropped. */
  readonly truncated: boolean;
}

/**
 * The search path for programs: the user's PATH, and the folders of system tools, which Debian omits for ordinary
 * users.
 */
export function searchPath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return [env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');
}

/** The running process groups. They are killed when this process exits, unless it is killed itself. */
const groups = new Set<number>();
process.on('exit', () => groups.forEach(killGroup));

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

/**
 * Runs `program` in its own process group, which is ended with the program and by the context's signal.
 * @throws RigError when it cannot start, does not end in time or ends with another status; the message carries its last
 *   lines.
 */
export function command(
  program: string,
  args: readonly string[],
  context: Pick<BuildContext, 'signal'>,
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    context.signal.throwIfAborted();
    const [file, argv] = options.lock === undefined ? [program, args] : ['flock', [options.lock, program, ...args]];
    const child = spawn(file, argv, {
      cwd: options.cwd,
      // The rig parses messages, so they must be in one language.
      env: { ...process.env, PATH: searchPath(), LC_ALL: 'C.UTF-8', ...options.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    const kill = (): void => {
      // Also when only children of the program still run: they hold its output open.
      if (pid !== undefined && groups.has(pid)) killGroup(pid);
    };
    context.signal.addEventListener('abort', kill, { once: true });
    let isLate = false;
    const late = (): void => {
      isLate = true;
      kill();
    };
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(late, options.timeoutMs);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let pending = '';
    let truncated = false;
    const collect = (into: Buffer[]) => {
      let leftBytes = options.outputBytesMax ?? Infinity;
      return (chunk: Buffer) => {
        const kept = chunk.length <= leftBytes ? chunk : chunk.subarray(0, leftBytes);
        truncated ||= kept.length < chunk.length;
        leftBytes -= kept.length;
        into.push(kept);
        tellLines(chunk);
      };
    };
    const tellLines = (chunk: Buffer): void => {
      if (options.onLine) {
        const lines = (pending + chunk.toString('utf8')).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) options.onLine(line);
      }
    };
    child.stdout.on('data', collect(out));
    child.stderr.on('data', collect(err));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const remedy = options.remedy === undefined ? {} : { remedy: options.remedy };
    child.on('error', (error) => {
      context.signal.removeEventListener('abort', kill);
      clearTimeout(timer);
      reject(new RigError(`cannot run ${program}: ${error.message}`, { cause: error, ...remedy }));
    });
    child.on('close', (code, signal) => {
      if (pid !== undefined) groups.delete(pid);
      context.signal.removeEventListener('abort', kill);
      clearTimeout(timer);
      if (context.signal.aborted) {
        reject(context.signal.reason as Error);
        return;
      }
      const stdout = Buffer.concat(out).toString('utf8');
      const stderr = Buffer.concat(err).toString('utf8');
      if (isLate) {
        const remedy = 'try again when this host has less to do';
        reject(new RigError(`${program} did not end within ${(options.timeoutMs ?? 0) / 1000} s`, { remedy }));
        return;
      }
      const ok = options.okStatuses ?? [0];
      if (code !== null && (ok === 'any' || ok.includes(code))) {
        resolve({ status: code, stdout, stderr, truncated });
        return;
      }
      const tail = (stderr.trim() || stdout.trim()).split('\n').slice(-20).join('\n');
      reject(
        new RigError(
          `${program} ${args.slice(0, 6).join(' ')} failed (${signal ?? `status ${code}`})\n${tail}`,
          remedy,
        ),
      );
    });
  });
}
