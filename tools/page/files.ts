// SPDX-License-Identifier: MIT
/** The files of the page with one machine, whoever delivers them: the server, or any other one from a folder. */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { encodeBootState, type BootState } from '../../emulator/cycle/boot-state.js';
import type { Plan } from '../../emulator/cycle/plan.js';
import {
  DESCRIPTION_FORMAT,
  type Artifacts,
  type DiskDescription,
  type MachineDescription,
  type Piece,
  type ReportFacts,
  type ScenarioFile,
  type StateNotes,
} from '../../emulator/host/browser/storage/description.js';
import { packagePath } from '../../emulator/host/node/paths.js';
import { snapbackVersion } from '../../emulator/host/node/versions.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { RigError } from '../../emulator/machine/errors.js';

/** A file, or what makes it when somebody wants it: compressing all disks takes longer than a visitor waits. */
export type PageFile = Uint8Array | (() => Promise<Uint8Array>);
/** Files by path from the page's folder. */
export type PageFiles = ReadonlyMap<string, PageFile>;

export const contentOf = (file: PageFile): Promise<Uint8Array> =>
  typeof file === 'function' ? file() : Promise.resolve(file);

/** What the page's machine is made of, and the scenario that it can run. */
export interface PageContent {
  readonly config: MachineConfig;
  readonly configKey: string;
  /** SHA-256 (hex) by name of everything that determines the machine. */
  readonly hashes: Artifacts;
  readonly systemMap: string;
  /** The machine when its agent is ready. */
  readonly agentReady: BootState;
  /** The machine when its kernel has started init, before it has read a disk. */
  readonly beforeDisk: BootState;
  readonly plan: Plan;
  /** Of the scenario file. */
  readonly text: string;
  readonly facts: ReportFacts;
}

/** Under these names, with whatever content the version has. */
const PROGRAM = ['index.html', 'start.js', 'page.css', 'page.js', 'session-worker.js'] as const;
/** For debuggers. */
const SOURCE_MAPS = ['page.css.map', 'page.js.map', 'session-worker.js.map', 'machine-worker.js.map'] as const;

/** Digits of a hash in the name of a file. */
const HASH_DIGITS = 16;
/** Whether the name of a file tells its content, so that a browser need not ask for it again. */
export const isNamedByContent = (path: string): boolean => /-[0-9a-f]{16}(?:\.\w+)?$/.test(path);

/** Small enough that little is loaded for a short read, and large enough that few requests are made for a long one. */
const PIECE_BYTES = 128 << 10;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** Higher levels take several times as long for one percent. */
const GZIP_LEVEL = 6;
const compressed = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/**
 * The page with a machine. The names of the machine's files contain their hashes, so that no browser mixes those of two
 * machines.
 * @throws RigError when the page has not been bundled.
 */
export async function pageFiles(content: PageContent): Promise<PageFiles> {
  const { config, configKey, hashes, agentReady, beforeDisk, systemMap, plan, text, facts } = content;
  const files = new Map<string, PageFile>();
  for (const name of PROGRAM) await addProgram(name, files);
  for (const name of SOURCE_MAPS) {
    const path = packagePath('dist', 'browser', name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) files.set(name, await readFile(path));
  }
  const worker = await programFile('machine-worker.js');
  const workerUrl = `machine-worker-${sha256(worker).slice(0, HASH_DIGITS)}.js`;
  files.set(workerUrl, worker);
  const add = async (name: string, content: Uint8Array): Promise<Piece> => {
    const bytes = await compressed(content, { level: GZIP_LEVEL });
    const hash = sha256(bytes);
    const url = `machine/${name}-${hash.slice(0, HASH_DIGITS)}`;
    files.set(url, bytes);
    return { url, bytes: bytes.length, sha256: hash };
  };
  const { bios, vgaBios, kernel, initrd, disks, share: _share, ...machine } = config;
  const scenario: ScenarioFile = { plan: packPlan(plan), facts };
  const notes: StateNotes = { artifacts: hashes };
  const description: MachineDescription = {
    format: DESCRIPTION_FORMAT,
    snapback: snapbackVersion(),
    artifacts: hashes,
    machine,
    bios: await add('bios', bios),
    vgaBios: await add('vgaBios', vgaBios),
    disks: disks.map(({ base }) => cut(base, files)),
    wasm: await add('v86', await programFile('v86.wasm')),
    workerUrl,
    agentReady: await add('agentReady', encodeBootState({ ...agentReady, notes })),
    scenario: {
      name: plan.name,
      text,
      configKey,
      beforeDisk: await add('beforeDisk', encodeBootState({ ...beforeDisk, notes })),
      kernel: await add('kernel', kernel),
      ...(initrd && { initrd: await add('initrd', initrd) }),
      systemMap: await add('systemMap', encoded(systemMap)),
      file: await add('scenario', encoded(JSON.stringify(scenario))),
    },
  };
  files.set('machine/machine.json', encoded(`${JSON.stringify(description, undefined, 2)}\n`));
  return files;
}

/** Adds a file of the page to `files`, with the parts that it loads. */
async function addProgram(name: string, files: Map<string, PageFile>): Promise<void> {
  if (files.has(name)) return;
  const content = await programFile(name);
  files.set(name, content);
  for (const part of name.endsWith('.js') ? partsIn(content) : []) await addProgram(part, files);
}

/** What a script imports, at once or later. Parts import others from their own folder. */
const partsIn = (script: Uint8Array): readonly string[] =>
  [...new TextDecoder().decode(script).matchAll(/"\.\/(?:parts\/)?([\w-]+-[A-Z0-9]{8}\.js)"/g)].map(
    ([, name]) => `parts/${name ?? ''}`,
  );

/** Adds the pieces of a disk to `files`. */
function cut(base: Uint8Array, files: Map<string, PageFile>): DiskDescription {
  const pieces: (string | null)[] = [];
  for (let at = 0; at < base.byteLength; at += PIECE_BYTES) {
    const piece = base.subarray(at, at + PIECE_BYTES);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length) === 0) {
      pieces.push(null);
      continue;
    }
    const url = `machine/piece-${sha256(piece).slice(0, HASH_DIGITS)}`;
    files.set(url, () => compressed(piece, { level: GZIP_LEVEL }));
    pieces.push(url);
  }
  return { byteLength: base.byteLength, pieceBytes: PIECE_BYTES, pieces };
}

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);

const packPlan = ({ files, ...plan }: Plan): ScenarioFile['plan'] => ({
  ...plan,
  files: files.map(({ bytes, ...file }) => ({ ...file, base64: Buffer.from(bytes).toString('base64') })),
});

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function programFile(name: string): Promise<Uint8Array> {
  const path = packagePath('dist', 'browser', name);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new RigError(`cannot read a file of the page: ${path}`, {
      cause,
      remedy: 'bundle the page with `node esbuild.config.mjs` in a clone, or install the package again',
    });
  }
}
