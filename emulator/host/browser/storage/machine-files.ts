// SPDX-License-Identifier: MIT
/** Loads a machine with its state at the agent, and what a run of the page's scenario needs besides. */
import { decodeBootState, type BootState } from '../../../cycle/boot-state.js';
import type { Plan } from '../../../cycle/plan.js';
import { fillFrom, placePiece, type DiskPieces } from '../../../disks/pieces.js';
import type { MachineConfig, RestoreConfig } from '../../../machine/contract.js';
import { InputError } from '../../../machine/errors.js';
import {
  checkFits,
  dependsOn,
  type DiskDescription,
  readDescription,
  unpackPlan,
  type MachineDescription,
  type ReportFacts,
  type ScenarioFile,
  type StateNotes,
} from './description.js';
import { loadJson, loadPieces, type Loading } from './download.js';
import { entryName, type PieceStore } from './piece-store.js';
import { readPiece, unpackPiece } from './read-piece.js';

export interface LoadedMachine {
  readonly description: MachineDescription;
  readonly config: RestoreConfig;
  readonly agentReady: BootState;
  /** {@link agentReady} as it was loaded. */
  readonly agentReadyBytes: Uint8Array;
  readonly wasm: Uint8Array;
  readonly workerUrl: string;
  /** Per disk. */
  readonly pieces: readonly DiskPieces[];
}

/**
 * Loads the description at `url`, which is absolute, and what the machine needs to run on from its agent.
 * @param onMaking see `loadJson`.
 * @throws InputError when what is loaded does not belong together, RigError when something cannot be loaded.
 */
export async function loadMachine(
  url: string,
  onLoading: (loading: Loading) => void,
  onMaking: (doing: string) => void,
): Promise<LoadedMachine> {
  const described = readDescription(await loadJson(url, onMaking), url);
  const description = withAbsoluteUrls(described, new URL('..', url).href);
  const { machine, workerUrl, disks, bios, vgaBios, wasm, agentReady: state } = description;
  const loaded = await loadPieces({ firmware: bios, 'video firmware': vgaBios, emulator: wasm, state }, onLoading);
  const lazy = disks.map(({ byteLength, pieceBytes, pieces: names }) => {
    const base = allocate(byteLength);
    const pieces: DiskPieces = { pieceBytes, names, present: allocate(names.length) };
    fillFrom(base, pieces, readPiece);
    return { base, pieces };
  });
  const agentReadyBytes = loaded('state');
  const agentReady = readState(agentReadyBytes, description);
  return {
    description,
    config: {
      ...machine,
      bios: loaded('firmware'),
      vgaBios: loaded('video firmware'),
      disks: lazy.map(({ base }) => ({ base })),
    },
    agentReady,
    agentReadyBytes,
    wasm: loaded('emulator'),
    workerUrl,
    pieces: lazy.map(({ pieces }) => pieces),
  };
}

/** @throws InputError when the state cannot be restored on the machine that is described. */
export function readState(
  encoded: Uint8Array,
  { artifacts, core }: Pick<MachineDescription, 'artifacts' | 'core'>,
): BootState {
  const state = decodeBootState(encoded);
  if (!state)
    throw new InputError('the saved state has a format of another version of Snapback', {
      remedy: 'write the site again with `snapback site`',
    });
  const notes = state.notes as StateNotes | undefined;
  checkFits('the saved state', notes && dependsOn(notes.artifacts, notes.core), dependsOn(artifacts, core));
  return state;
}

/** Places what the store has of the machine's disks, so that nobody has to wait for it. */
export async function placeStored({ config, pieces }: LoadedMachine, store: PieceStore): Promise<void> {
  const stored = new Set(await store.names());
  for (const [disk, of] of pieces.entries()) {
    const base = config.disks[disk]?.base;
    for (const [piece, url] of of.names.entries()) {
      if (!base || url === null || of.present[piece] === 1 || !stored.has(entryName(url))) continue;
      const packed = await store.get(entryName(url));
      if (!packed) continue;
      try {
        placePiece(base, of, piece, unpackPiece(packed, url));
      } catch {
        // A damaged entry is as good as none: the piece is loaded when it is read.
      }
    }
  }
}

/** The text of the kernel's System.map. @throws RigError when it cannot be loaded. */
export async function loadSymbols(
  { description }: LoadedMachine,
  onLoading: (loading: Loading) => void,
): Promise<string> {
  const loaded = await loadPieces({ symbols: description.scenario.systemMap }, onLoading);
  return new TextDecoder().decode(loaded('symbols'));
}

/** All that a run needs. */
export interface LoadedScenario {
  readonly plan: Plan;
  readonly config: MachineConfig;
  readonly configKey: string;
  readonly systemMap: string;
  readonly facts: ReportFacts;
  /** An encoded boot state that came with the page, by its key. */
  readonly bootStateOf: (key: string) => Uint8Array | undefined;
}

/** @throws RigError when something cannot be loaded. */
export async function loadScenario(
  { description, config, agentReadyBytes }: LoadedMachine,
  onLoading: (loading: Loading) => void,
): Promise<LoadedScenario> {
  const { kernel, initrd, systemMap, file, configKey, beforeDisk } = description.scenario;
  const loaded = await loadPieces(
    { kernel, ...(initrd && { initrd }), symbols: systemMap, scenario: file, 'state of a boot': beforeDisk },
    onLoading,
  );
  const beforeDiskBytes = loaded('state of a boot');
  readState(beforeDiskBytes, description);
  const states: Readonly<Record<string, Uint8Array>> = {
    [`agentReady-${configKey}`]: agentReadyBytes,
    [`beforeDisk-${configKey}`]: beforeDiskBytes,
  };
  const text = (name: string): string => new TextDecoder().decode(loaded(name));
  const { plan, facts } = JSON.parse(text('scenario')) as ScenarioFile;
  return {
    plan: unpackPlan(plan),
    config: { ...config, kernel: loaded('kernel'), ...(initrd && { initrd: loaded('initrd') }) },
    configKey,
    systemMap: text('symbols'),
    facts,
    bootStateOf: (key) => states[key],
  };
}

/** With URLs that mean the same in every worker: each that `description` has is relative to the page at `base`. */
function withAbsoluteUrls(description: MachineDescription, base: string): MachineDescription {
  const absolute = (url: string): string => new URL(url, base).href;
  const pieces = ({ pieces, ...disk }: DiskDescription): DiskDescription => ({
    ...disk,
    pieces: pieces.map((url) => (url === null ? null : absolute(url))),
  });
  const isUrl = (key: string): boolean => key === 'url' || key === 'workerUrl';
  const all = JSON.parse(JSON.stringify(description), (key, value: unknown) =>
    isUrl(key) && typeof value === 'string' ? absolute(value) : value,
  ) as MachineDescription;
  return { ...all, disks: all.disks.map(pieces) };
}

/** In memory that the machine's worker can share, if the browser allows the page to use it. */
const allocate = (lengthBytes: number): Uint8Array =>
  new Uint8Array(
    typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(lengthBytes) : new SharedArrayBuffer(lengthBytes),
  );
