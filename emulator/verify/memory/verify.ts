// SPDX-License-Identifier: MIT
/**
 * The memory proof: RAM at the atomic copy equals RAM right after the restore.
 *
 * Every page of the image is compared, every other page of RAM is accounted for by name. Bytes that the
 * copy loop itself writes are known by address (written.ts); anything else that differs is a difference.
 */
import { GuestError, RigError } from '../../machine/errors.js';
import { PAGE_BYTES, gpa, gpaOfPfn, type Pfn } from '../../machine/units.js';
import type { PageSet } from '../../memory/bitmaps.js';
import { variable, type GuestKernel } from '../../memory/kernel.js';
import { guestMemory, pageBytes, type GuestMemory, offsetOf } from '../../memory/view.js';
import { nameSafely, ownerNamer, type OwnerNamer } from '../../memory/owner.js';
import type { Omission } from './account.js';
import { endangeredPages, type EndangeredPage } from './preserved.js';
import { differingFrames, differingRuns, wordComparer, type ByteRun, type Comparer } from './compare.js';
import {
  accountForCopy,
  writtenByRestore,
  type CopyAccount,
  type WrittenRange,
  type WrittenReason,
} from './written.js';

export interface MemoryDifference {
  /**
   * content: in the image, but different after the restore. lost: not in the image, without a reason. superfluous: in
   * the image, despite a reason not to be.
   */
  readonly kind: 'content' | 'lost' | 'superfluous';
  readonly pfn: Pfn;
  /** Whose memory: symbol, slab, page table, task and virtual address. */
  readonly owner: string;
  /** First differing byte in the page, and how many differ. */
  readonly firstOffset: number;
  readonly bytes: number;
  /** The first differing bytes, hexadecimal, at most 16: at the copy, and after the restore. */
  readonly atCopy: string;
  readonly restored: string;
}

export interface MemoryResult {
  readonly pagesTotal: number;
  readonly pagesCompared: number;
  /** Pages of any kind of difference. */
  readonly pagesDiffering: number;
  readonly pagesOmitted: Readonly<Record<Omission, number>>;
  /** At most `differencesMax`, ascending; `pagesDiffering` counts all. */
  readonly differences: readonly MemoryDifference[];
  /** Pages that should have been kept from changing until they are read, and were not. */
  readonly endangered: readonly EndangeredPage[];
  /** Why it is not known which pages are endangered, when the guest's structures are too damaged to tell. */
  readonly endangeredUnknown?: string;
  /**
   * The closed list of ranges that the copy loop and the returning kernel write, and how many bytes in each did differ.
   */
  readonly written: readonly {
    readonly reason: WrittenReason;
    readonly gpa: number;
    readonly lengthBytes: number;
    readonly bytesDiffering: number;
  }[];
}

export interface MemoryProofInput {
  /** The kernel in the capture made at copy:begin. */
  readonly atCopy: GuestKernel;
  /** The result of {@link accountForCopy}, if the caller has it already. */
  readonly accounted?: CopyAccount;
  /** RAM captured at restore:end. */
  readonly restored: Uint8Array;
  readonly comparer?: Comparer;
  readonly differencesMax?: number;
}

const DIFFERENCES_MAX = 200;
const EXCERPT_BYTES = 16;

/** Throws RigError when the captures cannot belong to one suspend and resume. */
export function verifyMemory(input: MemoryProofInput): MemoryResult {
  const { atCopy } = input;
  const restored = guestMemory(input.restored, atCopy.memory.places.lengthBytes - atCopy.memory.places.lowBytes);
  checkPair(atCopy, restored);

  const { account, written: writtenBefore } = input.accounted ?? accountForCopy(atCopy);
  const written = [...writtenBefore, ...writtenByRestore(atCopy)];
  const differing = new Set(
    differingFrames(
      atCopy.memory.bytes,
      restored.bytes,
      account.inImage,
      input.comparer ?? wordComparer,
      atCopy.memory.places,
    ),
  );
  // A range with a predicted value is checked even if nothing changed, because an unchanged value may be wrong.
  for (const range of written)
    if (range.expected !== undefined) differing.add(Math.floor(range.start / PAGE_BYTES) as Pfn);

  const namer = ownerNamer(atCopy);
  const all: (() => MemoryDifference)[] = [];
  for (const frame of [...differing].sort((a, b) => a - b)) {
    const runs = unexplainedRuns(atCopy.memory, restored, frame, written);
    if (runs.length > 0) all.push(() => contentDifference(namer, atCopy.memory, restored, frame, runs));
  }
  for (const frame of account.lost) all.push(() => whole('lost', frame, nameSafely(namer, gpaOfPfn(frame))));
  for (const { frame, reason } of account.superfluous)
    all.push(() => whole('superfluous', frame, `${nameSafely(namer, gpaOfPfn(frame))} (${reason})`));

  return {
    pagesTotal: atCopy.memory.pageCount,
    pagesCompared: account.inImage.reduce((count, bit) => count + bit, 0),
    pagesDiffering: all.length,
    pagesOmitted: account.omitted,
    differences: all.slice(0, input.differencesMax ?? DIFFERENCES_MAX).map((describe) => describe()),
    ...findEndangered(atCopy, account.preserved),
    written: written.map((range) => ({
      reason: range.reason,
      gpa: range.start,
      lengthBytes: range.lengthBytes,
      bytesDiffering: countDiffering(atCopy.memory, restored, range),
    })),
  };
}

/** Its failure must not lose the differences of contents. */
function findEndangered(
  atCopy: GuestKernel,
  preserved: PageSet,
): Pick<MemoryResult, 'endangered' | 'endangeredUnknown'> {
  try {
    return { endangered: endangeredPages(atCopy, preserved) };
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    return { endangered: [], endangeredUnknown: error.message };
  }
}

function checkPair(atCopy: GuestKernel, restored: GuestMemory): void {
  if (restored.pageCount !== atCopy.memory.pageCount) {
    throw new RigError(`the captures have ${atCopy.memory.pageCount} and ${restored.pageCount} pages`, {
      remedy: 'resume with as much RAM as was suspended',
    });
  }
  if (variable(atCopy, 'in_suspend') !== 1) {
    throw new RigError('the first capture was not made during a suspend (in_suspend is not 1)', {
      remedy: 'capture RAM at the marker copy:begin',
    });
  }
  if (variable({ ...atCopy, memory: restored }, 'in_suspend') !== 0) {
    throw new RigError('the second capture was not made in a restored kernel (in_suspend is not 0)', {
      remedy: 'capture RAM at the marker restore:end',
    });
  }
}

/**
 * The differing runs of a page, without those that the copy loop is known to write, and with predicted bytes that have
 * another value.
 */
export function unexplainedRuns(
  atCopy: GuestMemory,
  found: GuestMemory | Uint8Array,
  frame: Pfn,
  written: readonly WrittenRange[],
): ByteRun[] {
  const expected = pageBytes(atCopy, frame).slice();
  const actual = found instanceof Uint8Array ? found : pageBytes(found, frame);
  for (const range of written) {
    const from = range.start - gpaOfPfn(frame);
    if (from < 0 || from >= PAGE_BYTES) continue;
    expected.set(range.expected ?? actual.subarray(from, from + range.lengthBytes), from);
  }
  return differingRuns(expected, actual);
}

function contentDifference(
  namer: OwnerNamer,
  atCopy: GuestMemory,
  restored: GuestMemory,
  frame: Pfn,
  runs: readonly ByteRun[],
): MemoryDifference {
  const first = (runs[0] as ByteRun).start;
  const excerpt = (memory: GuestMemory): string =>
    hex(pageBytes(memory, frame).subarray(first, Math.min(first + EXCERPT_BYTES, (runs[0] as ByteRun).end)));
  return {
    kind: 'content',
    pfn: frame,
    owner: nameSafely(namer, gpa(gpaOfPfn(frame) + first)),
    firstOffset: first,
    bytes: runs.reduce((sum, run) => sum + run.end - run.start, 0),
    atCopy: excerpt(atCopy),
    restored: excerpt(restored),
  };
}

const whole = (kind: 'lost' | 'superfluous', frame: Pfn, owner: string): MemoryDifference => ({
  kind,
  pfn: frame,
  owner,
  firstOffset: 0,
  bytes: PAGE_BYTES,
  atCopy: '',
  restored: '',
});

function countDiffering(atCopy: GuestMemory, restored: GuestMemory, range: WrittenRange): number {
  const start = offsetOf(atCopy, range.start, range.lengthBytes);
  const end = start + range.lengthBytes;
  return differingRuns(atCopy.bytes.subarray(start, end), restored.bytes.subarray(start, end)).reduce(
    (sum, run) => sum + run.end - run.start,
    0,
  );
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
