// SPDX-License-Identifier: MIT
/** `machine.json`: what the page gets from its server, and the check that everything in it belongs together. */
import type { GuestFile, Plan } from '../../../cycle/plan.js';
import type { RestoreConfig } from '../../../machine/contract.js';
import { InputError } from '../../../machine/errors.js';
import type { ReportContext } from '../../../report/model.js';

/** A file of a machine, compressed with gzip. */
export interface Piece {
  /** Relative to the page. Ends with the first digits of `sha256`. */
  readonly url: string;
  /** Its length as it is delivered. */
  readonly bytes: number;
  /** Of the file as it is delivered (hex). */
  readonly sha256: string;
}

/** The number that changes whenever a page of another version could not read the description. */
export const DESCRIPTION_FORMAT = 5;

/** A machine's config with files instead of bytes, and its state when its agent is ready. */
export interface MachineDescription {
  readonly format: typeof DESCRIPTION_FORMAT;
  /** Version of Snapback. */
  readonly snapback: string;
  /** SHA-256 (hex) by name of everything that determines the machine. */
  readonly artifacts: Artifacts;
  /** SHA-256 (hex) of the code that decides what the machine does. */
  readonly core: string;
  readonly machine: Omit<RestoreConfig, 'bios' | 'vgaBios' | 'kernel' | 'initrd' | 'disks' | 'share'>;
  readonly bios: Piece;
  readonly vgaBios: Piece;
  readonly disks: readonly DiskDescription[];
  /** v86's own code. */
  readonly wasm: Piece;
  /** URL of the program that runs the machine, relative to the page. */
  readonly workerUrl: string;
  /** A boot state (`cycle/boot-state.ts`) whose notes are {@link StateNotes}. */
  readonly agentReady: Piece;
  readonly scenario: ScenarioDescription;
}

/** A disk whose pieces are loaded when they are read. */
export interface DiskDescription {
  readonly byteLength: number;
  readonly pieceBytes: number;
  /** By piece: the URL of the file that has it, compressed with gzip, or null where it is zero. */
  readonly pieces: readonly (string | null)[];
}

/** The scenario that the page can run, and what a run needs besides the machine at its prompt. */
export interface ScenarioDescription {
  readonly name: string;
  /** Of its file. */
  readonly text: string;
  /** See `Booter.configKey`. */
  readonly configKey: string;
  /** The boot state from which each machine after the first goes on, as {@link MachineDescription.agentReady}. */
  readonly beforeDisk: Piece;
  readonly kernel: Piece;
  readonly initrd?: Piece;
  /** Text of the kernel's System.map. */
  readonly systemMap: Piece;
  /** {@link ScenarioFile} as JSON. */
  readonly file: Piece;
}

/** What the cycle and its report get besides the machine. */
export interface ScenarioFile {
  readonly plan: PackedPlan;
  readonly facts: ReportFacts;
}

/** The contents of a report besides the plan and the outcome. */
export type ReportFacts = Omit<ReportContext, 'plan' | 'realMs'>;

/** A plan whose files are in base64. */
export type PackedPlan = Omit<Plan, 'files'> & {
  readonly files: readonly (Omit<GuestFile, 'bytes'> & { readonly base64: string })[];
};

/** The reverse of what the server's side does to a plan. */
export function unpackPlan({ files, ...plan }: PackedPlan): Plan {
  return {
    ...plan,
    files: files.map(({ base64, ...file }) => ({
      ...file,
      bytes: Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)),
    })),
  };
}

/** SHA-256 (hex) by name. */
export type Artifacts = Readonly<Record<string, string>>;

/** What a saved state says of itself. */
export interface StateNotes {
  /** What the machine was made of, as in {@link MachineDescription.artifacts}. */
  readonly artifacts: Artifacts;
  /** As {@link MachineDescription.core}. */
  readonly core: string;
}

/** All that a machine depends on, for {@link checkFits}. `core`: undefined where it is not known. */
export const dependsOn = (artifacts: Artifacts, core: string | undefined): Artifacts => ({
  ...artifacts,
  ...(core !== undefined && { 'emulator core': core }),
});

/** @throws InputError when `found` is not a description that this version can read. */
export function readDescription(found: unknown, url: string): MachineDescription {
  const { format, snapback } = (found ?? {}) as Partial<Record<keyof MachineDescription, unknown>>;
  if (format === undefined) throw new InputError(`${url} is not the description of a machine`);
  if (format !== DESCRIPTION_FORMAT)
    throw new InputError(
      `the page reads descriptions of format ${DESCRIPTION_FORMAT}, but ${url} has format ${String(format)} (Snapback ${String(snapback)})`,
      { remedy: 'reload the page; if that does not help, write the site again with `snapback site`' },
    );
  return found as MachineDescription;
}

/**
 * Checks that a state that was saved with `needs` can be restored on a machine that is made of `present`.
 * @throws InputError that names everything that differs.
 */
export function checkFits(what: string, needs: Artifacts | undefined, present: Artifacts): void {
  if (needs === undefined) throw new InputError(`${what} does not say which machine it is of`);
  const short = (hash: string | undefined): string => hash?.slice(0, 12) ?? 'nothing';
  const differing = [...new Set([...Object.keys(needs), ...Object.keys(present)])]
    .filter((name) => needs[name] !== present[name])
    .map((name) => `${name} (needed: ${short(needs[name])}, present: ${short(present[name])})`);
  if (differing.length > 0)
    throw new InputError(`${what} does not fit this machine, because these differ: ${differing.join(', ')}`, {
      remedy: 'write the site again with `snapback site`, or open what was saved where it was saved',
    });
}
