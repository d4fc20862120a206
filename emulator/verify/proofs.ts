// SPDX-License-Identifier: MIT
/**
 * Combines the single proofs to those that a cycle needs. The input is evidence, the result is an outcome with
 * findings.
 */
import type { DiskState, Proofs, Proven, ResumeEvidence, SuspendEvidence } from '../cycle/proofs.js';
import type { FilesystemOutcome, Finding } from '../cycle/outcome.js';
import { isCommitting } from './disk/store.js';
import { consoleLines } from '../console/lines.js';
import { findFaults } from '../console/faults.js';
import type { MarkerSeen, RamCopy } from '../machine/contract.js';
import { GuestError, InputError, RigError } from '../machine/errors.js';
import { gpa, type Gpa } from '../machine/units.js';
import { announcedKernel, type GuestKernel } from '../memory/kernel.js';
import { layoutPlace } from '../memory/layout.js';
import { addressOf, parseSystemMap, type SymbolTable } from '../memory/symbols.js';
import { guestMemory } from '../memory/view.js';
import {
  diskSource,
  findImage,
  findSnapshot,
  rangesWritten,
  verifyDisks,
  volumeSource,
  type DiskDifference,
  type DiskHistory,
} from './disk/verify.js';
import { journalOf } from './disk/journals.js';
import { thawedTooEarly } from './disk/order.js';
import { volumes, type Filesystem } from './disk/partitions.js';
import { writesAfterSignature } from './image/complete.js';
import type { Image } from './image/stream.js';
import { verifyImage, type ImageResult } from './image/verify.js';
import type { Comparer } from './memory/compare.js';
import type { EndangeredPage } from './memory/preserved.js';
import { verifyMemory, type MemoryDifference, type MemoryResult } from './memory/verify.js';
import { accountForCopy, type CopyAccount } from './memory/written.js';
import type { ByteSource } from './source.js';

/** What a host's checker says of a filesystem. */
export interface CheckResult {
  /** The command, for people. */
  readonly checker: string;
  readonly clean: boolean;
  readonly output: readonly string[];
}

/**
 * The state of a filesystem when its machine stopped. In use: the next mount replays its journal. Frozen: there is
 * nothing to replay, but files without names may still be open. Left: it was unmounted.
 */
export type Condition = 'inUse' | 'frozen' | 'left';

export interface ProofHost {
  /** Text of the guest kernel's System.map. */
  readonly systemMap: string;
  /** RAM of the machine at addresses from 4 GiB on; default none. */
  readonly highMemoryMiB?: number;
  /** A faster comparison of memory than the language offers. */
  readonly comparer?: Comparer;
  /** Called with the result of each proof of memory. */
  readonly onMemory?: (result: MemoryResult) => void;
  /**
   * Looks at a filesystem with the host's tools. Undefined for one that has no checker. `journal`: the volume with its journal,
   * if that is not in the filesystem.
   */
  readonly check: (
    volume: ByteSource,
    filesystem: Filesystem,
    condition: Condition,
    journal?: ByteSource,
  ) => Promise<CheckResult | undefined>;
  /** Names what lies at bytes of a volume, by the filesystem's own tools; undefined where they cannot tell. */
  readonly locate?: (
    volume: ByteSource,
    filesystem: Filesystem,
    offsetsBytes: readonly number[],
  ) => Promise<readonly (string | undefined)[]>;
}

const DETAILS_MAX = 40;

/** Names of the disks in the guest, first to last. */
export const deviceName = (index: number): string => `sd${String.fromCharCode(0x61 + index)}`;

/** @throws InputError when System.map is none. */
export function createProofs(host: ProofHost): Proofs {
  const symbols = parseSystemMap(host.systemMap);
  const copyOf = copyReader(symbols, (host.highMemoryMiB ?? 0) * 2 ** 20);
  return {
    memory: async (evidence) => proveMemory(evidence, copyOf, host),
    image: async (evidence) => proveImage(evidence, copyOf),
    disk: async (evidence) => proveDisks(evidence, host),
    filesystems: (disks, at, frozen = false) =>
      checkFilesystems(disks, at, at === 'shutdown' ? 'left' : frozen ? 'frozen' : 'inUse', host),
    console: faultFindings,
    addressOf: (symbol, layout) => gpa(physicalOf(symbols, symbol) + (layout ? movedBytes(symbols, layout) : 0)),
  };
}

/** The kernel in the capture made at the atomic copy, and the account of its pages. */
interface AtomicCopy {
  readonly kernel: GuestKernel;
  readonly accounted: CopyAccount;
}

/** Two proofs use the same capture, so its structures are read once. */
function copyReader(symbols: SymbolTable, highBytes: number): (evidence: SuspendEvidence) => AtomicCopy {
  const known = new WeakMap<RamCopy, AtomicCopy>();
  return (evidence) => {
    const { atCopy } = evidence;
    const seen = atCopy && known.get(atCopy);
    if (seen) return seen;
    const kernel = kernelAt(evidence, symbols, highBytes);
    const copy = { kernel, accounted: accountForCopy(kernel) };
    if (atCopy) known.set(atCopy, copy);
    return copy;
  };
}

/** The kernel in the capture made at the atomic copy. */
function kernelAt(evidence: SuspendEvidence, symbols: SymbolTable, highBytes: number): GuestKernel {
  const { layout } = evidence;
  if (layout === undefined) {
    throw new RigError('the kernel never announced its layout table', {
      remedy: 'boot a guest kernel that was built with the rig markers',
    });
  }
  return announcedKernel(guestMemory(copied(evidence.atCopy), highBytes), symbols, layout);
}

function copied(ram: RamCopy | undefined): Uint8Array {
  if (ram) return ram.memory;
  throw new RigError('memory cannot be proved: no RAM was captured for it');
}

function proveMemory(
  evidence: ResumeEvidence,
  copyOf: (evidence: SuspendEvidence) => AtomicCopy,
  { comparer, onMemory }: Pick<ProofHost, 'comparer' | 'onMemory'>,
): Proven<Awaited<ReturnType<Proofs['memory']>>['outcome']> {
  const { kernel, accounted } = copyOf(evidence);
  const result = verifyMemory({
    atCopy: kernel,
    accounted,
    restored: copied(evidence.restored),
    ...(comparer && { comparer }),
  });
  onMemory?.(result);
  const { pagesCompared, pagesDiffering, pagesOmitted } = result;
  const findings: Finding[] = endangeredFindings(result.endangered);
  if (result.endangeredUnknown !== undefined)
    findings.push({
      kind: 'memory',
      what: `it is not known whether all preserved pages are safe: ${result.endangeredUnknown}`,
      details: [],
    });
  const what = `${pagesDiffering} of ${pagesCompared} pages of the image are not what they were at the atomic copy`;
  if (pagesDiffering > 0)
    findings.push({ kind: 'memory', what, details: linesOf(result.differences, memoryLine, pagesDiffering) });
  return { outcome: { pagesCompared, pagesDiffering, pagesByReason: pagesOmitted }, findings };
}

function endangeredFindings(pages: readonly EndangeredPage[]): Finding[] {
  const sentences = {
    writable: 'preserved pages are not write-protected',
    exclusive: 'preserved pages still belong to one program alone',
    unheld: 'preserved pages are held by too few references',
    shared: 'preserved pages are held by too many references',
    unreturned: 'pages of programs were not given back after an earlier snapshot',
  } as const;
  return (['writable', 'exclusive', 'unheld', 'shared', 'unreturned'] as const).flatMap((danger) => {
    const found = pages.filter((page) => page.danger === danger);
    const line = ({ pfn, owner, because }: EndangeredPage): string => `${hexPfn(pfn)}: ${because}: ${owner}`;
    return found.length === 0
      ? []
      : [{ kind: 'memory' as const, what: `${found.length} ${sentences[danger]}`, details: linesOf(found, line) }];
  });
}

const hexPfn = (frame: number): string => `pfn 0x${frame.toString(16)}`;

function memoryLine({ kind, pfn, owner, firstOffset, bytes, atCopy, restored }: MemoryDifference): string {
  if (kind === 'lost') return `${hexPfn(pfn)}: not in the image, and no reason why: ${owner}`;
  if (kind === 'superfluous') return `${hexPfn(pfn)}: in the image though it should not be: ${owner}`;
  return `${hexPfn(pfn)}+0x${firstOffset.toString(16)}: ${bytes} bytes differ, first ${atCopy} then ${restored}: ${owner}`;
}

async function proveImage(
  evidence: SuspendEvidence,
  copyOf: (evidence: SuspendEvidence) => AtomicCopy,
): ReturnType<Proofs['image']> {
  const nothing = (what: string): Awaited<ReturnType<Proofs['image']>> => ({
    outcome: { bytes: 0, pagesCompared: 0, pagesDiffering: 0 },
    findings: [{ kind: 'image', what, details: [] }],
  });
  let result: ImageResult;
  let late = 0;
  try {
    const found = await imageOn(evidence);
    if (found === undefined) return nothing('no disk holds an image');
    late = found.writesTooLate;
    const { kernel, accounted } = copyOf(evidence);
    result = verifyImage(found.image, kernel, accounted);
  } catch (error) {
    if (error instanceof GuestError) return nothing(`the image cannot be read: ${error.message}`);
    throw error;
  }
  const { bytes, pagesCompared, pagesDiffering, differences } = result;
  const line = ({ kind, pfn, owner, firstOffset, bytes: count }: (typeof differences)[number]): string =>
    kind === 'content'
      ? `${hexPfn(pfn)}+0x${firstOffset.toString(16)}: ${count} bytes differ: ${owner}`
      : `${hexPfn(pfn)}: ${kind}: ${owner}`;
  const findings: Finding[] = [];
  if (pagesDiffering > 0)
    findings.push({
      kind: 'image',
      what: `${pagesDiffering} of ${pagesCompared} pages of the image on disk are not the RAM at the atomic copy`,
      details: linesOf(differences, line, pagesDiffering),
    });
  if (late > 0)
    findings.push({
      kind: 'image',
      what: `the image was marked as complete before the last ${late} of its writes`,
      details: ['after a power cut in between, an incomplete image is marked as complete'],
    });
  return { outcome: { bytes, pagesCompared, pagesDiffering }, findings };
}

/**
 * Finds the image where the method puts it, in swap or in a file of a store. Also counts its writes after it was marked
 * as complete.
 */
async function imageOn({
  method,
  stores,
  disks,
  swapHeaderPage,
  writesSinceCopy,
}: SuspendEvidence): Promise<{ readonly image: Image; readonly writesTooLate: number } | undefined> {
  const sources = disks.map((disk, index) => ({
    device: deviceName(index),
    disk: diskSource(disk),
    written: writesSinceCopy[index] ?? [],
  }));
  if (method === 'sys_snapshot') {
    const image = await findSnapshot(sources, stores);
    return image && { image, writesTooLate: 0 };
  }
  const found = findImage(sources, swapHeaderPage);
  if (found === undefined) return undefined;
  const { written = [] } = sources.find(({ device }) => device === found.device) ?? {};
  return { image: found.image.image, writesTooLate: writesAfterSignature(written, found, found.image.pagesUsed) };
}

async function proveDisks(evidence: ResumeEvidence, host: ProofHost): ReturnType<Proofs['disk']> {
  const histories = diskHistories(evidence);
  const { stores, swapHeaderPage } = evidence;
  const result = verifyDisks(histories, { stores, ...(swapHeaderPage !== undefined && { swapHeaderPage }) });
  const { sectorsCompared, sectorsDiffering, originSectorsWritten } = result;
  const named = sectorsDiffering > 0 ? result.differences : result.originWrites;
  const lines = (await locateAll(named, histories, host)).map(
    ({ device, startSector, sectors, owner }) => `${device}: ${sectors} from sector ${startSector}: ${owner}`,
  );
  const until = evidence.committed ? 'the commit' : 'the restored kernel';
  const findings: Finding[] = evidence.method === 'sys_snapshot' ? earlyThaws(evidence.markers) : [];
  if (sectorsDiffering > 0)
    findings.push({
      kind: 'disk',
      what: `${sectorsDiffering} sectors outside of the image changed between the atomic copy and ${until}`,
      details: some(lines, lines.length),
    });
  else if (originSectorsWritten > 0)
    findings.push({
      kind: 'disk',
      what: `${originSectorsWritten} sectors outside of ${evidence.method === 'swsusp' ? 'swap' : 'the stores'} were written between the atomic copy and ${until}, with the content that they had`,
      details: some(lines, lines.length),
    });
  findings.push(...writesToStore(evidence));
  return { outcome: { sectorsCompared, sectorsDiffering, originSectorsWritten }, findings };
}

/** What the restored system writes belongs on the origins: the store is that of the live timeline. */
function writesToStore({ cowStore, disks, writesSinceRestore = [] }: ResumeEvidence): readonly Finding[] {
  const found = disks.flatMap((disk, index) => {
    const store = volumes(diskSource(disk), deviceName(index)).find(({ device }) => device === cowStore);
    return store ? rangesWritten(writesSinceRestore[index] ?? [], store) : [];
  });
  if (found.length === 0) return [];
  const lines = found.map(({ start, count }) => `${cowStore}: ${count} from sector ${start}`);
  const sectors = found.reduce((sum, { count }) => sum + count, 0);
  return [
    {
      kind: 'disk',
      what: `${sectors} sectors of the COW store were written by the restored system: its writes do not reach the origins`,
      details: some(lines, lines.length),
    },
  ];
}

/** Names differences in filesystems that only their own tools can read. Neighbours with the same name are joined. */
async function locateAll(
  differences: readonly DiskDifference[],
  histories: readonly DiskHistory[],
  { locate }: ProofHost,
): Promise<readonly DiskDifference[]> {
  const inside = [...new Set(differences.flatMap((one) => (one.inside ? [one.inside.volume] : [])))];
  if (locate === undefined || inside.length === 0) return differences;
  const names = new Map<DiskDifference, string>();
  for (const volume of inside) {
    const of = differences.filter((one) => one.inside?.volume === volume);
    const disk = histories.find(({ device }) => volume.device.startsWith(device));
    if (disk === undefined) continue;
    const found = await locate(
      volumeSource(diskSource(disk.atCopy), volume),
      volume.filesystem,
      of.map((one) => one.inside?.offsetBytes ?? 0),
    );
    for (const [index, name] of found.entries()) {
      const one = of[index];
      if (one !== undefined && name !== undefined) names.set(one, `${volume.filesystem}: ${name}`);
    }
  }
  const named: (DiskDifference & { sectors: number })[] = [];
  for (const one of differences) {
    const owner = names.get(one) ?? one.owner;
    const last = named.at(-1);
    if (
      last !== undefined &&
      names.has(one) &&
      last.owner === owner &&
      last.device === one.device &&
      last.startSector + last.sectors === one.startSector
    )
      last.sectors += one.sectors;
    else named.push({ ...one, owner });
  }
  return named;
}

function earlyThaws(markers: SuspendEvidence['markers']): Finding[] {
  const early = thawedTooEarly(markers);
  if (early.length === 0) return [];
  const words = { thawTasks: 'tasks', thawFilesystems: 'filesystems' } as const;
  return [
    {
      kind: 'disk',
      what: 'the system continued before its writes were redirected',
      details: early.map(({ step, instruction }) => `${words[step]} thawed at instruction ${instruction}`),
    },
  ];
}

/** The disks of the evidence, first to last, as the disk proof compares them. */
export const diskHistories = (evidence: ResumeEvidence): readonly DiskHistory[] =>
  evidence.disks.map((disk, index) => history(evidence, disk, index));

function history(evidence: ResumeEvidence, disk: DiskState, index: number): DiskHistory {
  const sinceCopy = evidence.writesSinceCopy[index] ?? [];
  const byResume = evidence.writesByResume[index] ?? [];
  return {
    device: deviceName(index),
    atCopy: { base: disk.base, overlay: disk.overlay.slice(0, firstAfterCopy(disk, sinceCopy)) },
    atPowerOff: disk,
    atRestore: { base: disk.base, overlay: [...disk.overlay, ...byResume] },
    written: [...sinceCopy, ...byResume],
    writtenWhileFrozen: evidence.writesWhileFrozen[index] ?? [],
  };
}

/**
 * A fault that alters a disk of a machine without power is recorded as a write at instruction 0. No machine writes at
 * that instruction.
 */
function firstAfterCopy({ overlay }: DiskState, sinceCopy: SuspendEvidence['writesSinceCopy'][number]): number {
  const first = sinceCopy[0];
  if (first !== undefined) return overlay.lastIndexOf(first);
  return overlay.findLastIndex(({ instruction }) => instruction > 0) + 1;
}

async function checkFilesystems(
  disks: readonly DiskState[],
  at: FilesystemOutcome['at'],
  condition: Condition,
  host: ProofHost,
): ReturnType<Proofs['filesystems']> {
  const outcome: FilesystemOutcome[] = [];
  const findings: Finding[] = [];
  const all = disks.map((disk, index) => ({
    source: diskSource(disk),
    of: volumes(diskSource(disk), deviceName(index)),
  }));
  // What was interrupted is completed by the next boot.
  if (all.some(({ source, of }) => of.some((volume) => isCommitting(volumeSource(source, volume)))))
    return { outcome, findings };
  const known = all.flatMap(({ source, of }) =>
    of.map(({ device, filesystem, ...place }) => ({
      device,
      filesystem,
      bytes: volumeSource(source, { device, filesystem, ...place }),
    })),
  );
  for (const volume of known) {
    const { device, filesystem, bytes } = volume;
    const result = await host.check(bytes, filesystem, condition, journalOf(volume, known));
    if (result === undefined) continue;
    outcome.push({ at, device, filesystem, clean: result.clean });
    if (!result.clean)
      findings.push({
        kind: 'filesystem',
        what: `${result.checker} finds fault with ${device} (${filesystem}) at ${at}`,
        details: some(result.output, result.output.length),
      });
  }
  return { outcome, findings };
}

/** Kernel faults on a console, as findings; the lines of `allowed` (indices) are none. */
export function faultFindings(console: Uint8Array, allowed?: ReadonlySet<number>): readonly Finding[] {
  return findFaults(consoleLines(console), allowed).map(({ kind, title, excerpt, count }) => ({
    kind: 'kernelFault',
    what: `${kind}: ${title}${count > 1 ? ` (${count} messages)` : ''}`,
    details: excerpt,
  }));
}

/** How far a kernel has moved itself in RAM: its layout table is a variable like all others. */
const movedBytes = (symbols: SymbolTable, layout: MarkerSeen): number =>
  layoutPlace(layout).at - physicalOf(symbols, 'rig_layout');

/** The kernel image is mapped linearly: System.map says both where it is loaded and where it runs. */
function physicalOf(symbols: SymbolTable, symbol: string): Gpa {
  const is64 = symbols.byName.has('startup_64');
  const loaded = symbols.byName.get(is64 ? 'phys_startup_64' : 'phys_startup_32');
  const runs = symbols.byName.get(is64 ? 'startup_64' : 'startup_32');
  if (loaded === undefined || runs === undefined)
    throw new InputError('System.map does not say where the kernel is loaded');
  return gpa(addressOf(symbols, symbol) - runs.address + loaded.address);
}

/** Lines about pages, of which there are `of`, and last how many of those that are known each owner has. */
function linesOf<T extends { readonly owner: string }>(
  pages: readonly T[],
  line: (page: T) => string,
  of = pages.length,
): readonly string[] {
  const owners = countsByOwner(pages.map(({ owner }) => owner));
  const which = of > pages.length ? `of the first ${pages.length}, by owner` : 'by owner';
  return [
    ...some(pages.map(line), of),
    ...(owners.length < 2 ? [] : [`${which}: ${owners.map(([owner, count]) => `${count} ${owner}`).join(', ')}`]),
  ];
}

/** The most frequent first. What tells places of one owner apart is left out: offsets, addresses, numbers of objects. */
export function countsByOwner(owners: readonly string[]): readonly (readonly [owner: string, count: number])[] {
  const counts = new Map<string, number>();
  for (const owner of owners) {
    const [whose = owner] = owner.split(/\+0x|, | (?:at |for )?0x/);
    counts.set(whose, (counts.get(whose) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

function some(lines: readonly string[], of: number): readonly string[] {
  const shown = lines.slice(0, DETAILS_MAX);
  return of > shown.length ? [...shown, `... and ${of - shown.length} more`] : shown;
}
