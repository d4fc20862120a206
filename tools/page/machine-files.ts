// SPDX-License-Identifier: MIT
/** The files of a machine on the page, with the scenario that runs on it. Files that several machines have are one. */
import { setImmediate } from 'node:timers/promises';
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
import { descriptionPath, LIST_PATH, type ScenarioListed } from '../../emulator/host/browser/storage/scenario-list.js';
import { coreDigest } from '../../emulator/host/node/core-digest.js';
import { snapbackVersion } from '../../emulator/host/node/versions.js';
import type { MachineConfig } from '../../emulator/machine/contract.js';
import { encoded, HASH_DIGITS, sha256, type PageFile, type PageFiles } from './files.js';
import { machineWorker, programFile, programFiles } from './program-files.js';

/** What a machine of the page is made of, and the scenario that it can run. */
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

/** The files of a page, to which machines can be added. */
export interface GrowingPage {
  readonly files: PageFiles;
  /** Adds the files of a machine. `name` of its scenario in the list; undefined: the page's own. */
  readonly add: (content: PageContent, name: string | undefined) => Promise<void>;
}

/** Small enough that little is loaded for a short read, and large enough that few requests are made for a long one. */
const PIECE_BYTES = 128 << 10;
const ZEROS = Buffer.alloc(PIECE_BYTES);
/** After so much of a disk, others have their turn. */
const YIELD_BYTES = 64 * PIECE_BYTES;

/** Higher levels take several times as long for one percent. */
const GZIP_LEVEL = 6;
const compressed = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/**
 * The page with one machine, and no other scenario to choose.
 * @throws RigError when the page has not been bundled.
 */
export async function pageFiles(content: PageContent): Promise<PageFiles> {
  const page = await growingPage([]);
  await page.add(content, undefined);
  return page.files;
}

/**
 * The page without a machine. `list`: the scenarios that its visitors find.
 * @throws RigError when the page has not been bundled.
 */
export async function growingPage(list: readonly ScenarioListed[]): Promise<GrowingPage> {
  const files = new Map<string, PageFile>(await programFiles());
  const worker = await machineWorker();
  files.set(worker.url, worker.file);
  files.set(LIST_PATH, encoded(`${JSON.stringify(list)}\n`));
  /** By name and hash before the compression, which takes most of the time. */
  const known = new Map<string, Piece>();
  const addPiece = async (name: string, content: Uint8Array): Promise<Piece> => {
    const key = `${name} ${sha256(content)}`;
    const before = known.get(key);
    if (before) return before;
    const bytes = await compressed(content, { level: GZIP_LEVEL });
    const hash = sha256(bytes);
    const url = `machine/${name}-${hash.slice(0, HASH_DIGITS)}`;
    files.set(url, bytes);
    const piece = { url, bytes: bytes.length, sha256: hash };
    known.set(key, piece);
    return piece;
  };
  return {
    files,
    async add(content, name) {
      const description = await describe(content, worker.url, addPiece, files);
      files.set(descriptionPath(name), encoded(`${JSON.stringify(description, undefined, 2)}\n`));
    },
  };
}

/** The names of a machine's files contain their hashes, so that no browser mixes those of two machines. */
async function describe(
  { config, configKey, hashes, agentReady, beforeDisk, systemMap, plan, text, facts }: PageContent,
  workerUrl: string,
  add: (name: string, content: Uint8Array) => Promise<Piece>,
  files: Map<string, PageFile>,
): Promise<MachineDescription> {
  const { bios, vgaBios, kernel, initrd, disks, share: _share, ...machine } = config;
  const scenario: ScenarioFile = { plan: packPlan(plan), facts };
  const core = coreDigest();
  const notes: StateNotes = { artifacts: hashes, core };
  const described: DiskDescription[] = [];
  for (const { base } of disks) described.push(await cut(base, files));
  return {
    format: DESCRIPTION_FORMAT,
    snapback: snapbackVersion(),
    artifacts: hashes,
    core,
    machine,
    bios: await add('bios', bios),
    vgaBios: await add('vgaBios', vgaBios),
    disks: described,
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
}

/** Adds the pieces of a disk to `files`. Hashing them takes seconds, in which the server answers others. */
async function cut(base: Uint8Array, files: Map<string, PageFile>): Promise<DiskDescription> {
  const pieces: (string | null)[] = [];
  for (let at = 0; at < base.byteLength; at += PIECE_BYTES) {
    if (at % YIELD_BYTES === 0) await setImmediate();
    const piece = base.subarray(at, at + PIECE_BYTES);
    if (ZEROS.compare(piece, 0, piece.length, 0, piece.length) === 0) {
      pieces.push(null);
      continue;
    }
    const url = `machine/piece-${sha256(piece).slice(0, HASH_DIGITS)}`;
    // A second one would keep the memory of its whole disk.
    if (!files.has(url)) files.set(url, () => compressed(piece, { level: GZIP_LEVEL }));
    pieces.push(url);
  }
  return { byteLength: base.byteLength, pieceBytes: PIECE_BYTES, pieces };
}

const packPlan = ({ files, ...plan }: Plan): ScenarioFile['plan'] => ({
  ...plan,
  files: files.map(({ bytes, ...file }) => ({ ...file, base64: Buffer.from(bytes).toString('base64') })),
});
