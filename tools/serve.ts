// SPDX-License-Identifier: MIT
/**
 * A small static server for the page: `node tools/run.mjs tools/serve.ts [PORT]`. It serves dist/browser and one
 * machine, on the loopback interface only. Its headers isolate the page, so that it may share memory with its workers.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { buildPage, buildWorkers } from '../esbuild.config.mjs';
import { buildContext } from './cli/build-context.js';
import { ensurePrerequisites } from './cli/doctor.js';
import { describeFailure } from './cli/failure.js';
import { interruptible } from './cli/interrupt.js';
import { watchOutput } from './cli/output-streams.js';
import { standardScenario } from './cli/run.js';
import { obtainMachineFiles } from './run/machine-files.js';
import { loadScenario } from './run/scenario-file.js';
import { packSparse } from '../emulator/disks/sparse.js';
import type { MachineDescription } from '../emulator/host/browser/machine-files.js';
import type { MachineConfig } from '../emulator/machine/contract.js';
import { EXIT, InputError } from '../emulator/machine/errors.js';
import { USER_MARKERS } from '../emulator/machine/markers.js';
import { packagePath } from '../emulator/host/node/paths.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the page with `config` as its machine, which the page runs to `marker`. Port 0 means any free port. */
export async function servePage(config: MachineConfig, marker: number, port = 0): Promise<PageServer> {
  await buildWorkers();
  await buildPage();
  const machine = machineFiles(config, marker);
  const server = createServer((request, response) => {
    respond(new URL(request.url ?? '/', 'http://localhost').pathname, machine, response).catch(() =>
      response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new InputError(`cannot serve on port ${port}`, { cause, remedy: 'name another port' })),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => close(server) };
}

/** The machine's files by path. */
function machineFiles(config: MachineConfig, marker: number): ReadonlyMap<string, Uint8Array> {
  const { memoryMiB, cmdline, seed, wallClockMs, initrd } = config;
  const description: MachineDescription = {
    memoryMiB,
    cmdline,
    seed,
    wallClockMs,
    marker,
    bios: 'machine/bios',
    vgaBios: 'machine/vgaBios',
    kernel: 'machine/kernel',
    ...(initrd && { initrd: 'machine/initrd' }),
    disks: config.disks.map((_, disk) => `machine/disk${disk}`),
  };
  return new Map([
    ['/machine/machine.json', new TextEncoder().encode(JSON.stringify(description))],
    ['/machine/bios', config.bios],
    ['/machine/vgaBios', config.vgaBios],
    ['/machine/kernel', config.kernel],
    ...(initrd ? [['/machine/initrd', initrd] as const] : []),
    ...config.disks.map(({ base }, disk) => [`/machine/disk${disk}`, packSparse(base)] as const),
  ]);
}

async function respond(
  path: string,
  machine: ReadonlyMap<string, Uint8Array>,
  response: ServerResponse,
): Promise<void> {
  const headers = {
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cache-control': 'no-store',
  };
  const bytes = machine.get(path);
  if (bytes) {
    response
      .writeHead(200, { ...headers, 'content-type': 'application/octet-stream', 'content-length': bytes.byteLength })
      .end(bytes);
    return;
  }
  // Only plain names, so that no file outside the folder can be requested.
  const name = path === '/' ? 'index.html' : path.slice(1);
  const file = join(packagePath('dist', 'browser'), name);
  const found = /^[\w.-]+$/.test(name) ? await stat(file).catch(() => undefined) : undefined;
  if (!found?.isFile()) {
    response.writeHead(404, headers).end('not found\n');
    return;
  }
  response.writeHead(200, {
    ...headers,
    'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
    'content-length': found.size,
  });
  createReadStream(file).pipe(response);
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Builds the files of the machine, then serves it until the process is ended. */
async function main(port: number, signal: AbortSignal): Promise<void> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InputError('a port is a whole number from 0 to 65535', {
      remedy: 'node tools/run.mjs tools/serve.ts 8086',
    });
  const { context, progress } = buildContext(signal);
  await ensurePrerequisites(context);
  const { plan, scenario } = await loadScenario(standardScenario(), {});
  const { config } = await obtainMachineFiles(plan.machine, scenario.disks, context);
  const { url, close: stop } = await servePage(config, USER_MARKERS.agentReady, port);
  progress.clear();
  console.log(`the machine is at ${url}; Ctrl-C ends it`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await stop();
}

if (process.argv[1]?.endsWith('tools-serve.mjs') === true) {
  watchOutput();
  process.exitCode = await interruptible(async (signal) => {
    try {
      await main(Number(process.argv[2] ?? '8086'), signal);
      return EXIT.pass;
    } catch (error) {
      const { message, exitCode } = describeFailure(signal.aborted ? signal.reason : error);
      console.error(message);
      return exitCode;
    }
  });
}
