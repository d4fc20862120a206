// SPDX-License-Identifier: MIT
/**
 * What must be found of each mistake that the kernel can be told to make (`test/scenarios/broken-*.yaml`), on any machine:
 * the proof that is there for it names it.
 */
import type { Report } from '../../emulator/report/model.js';

const ONE_PAGE_OF_A_PROGRAM =
  /^memory: \d+ of \d+ pages .*: pfn 0x\w+\+0x\w+: .*: anonymous memory, [\w-]+ \(pid \d+\) at 0x/;

/** By the name of the mistake: patterns of findings, `kind: what: first detail`. Each must match one. */
export const FINDINGS_OF_MISTAKES: Readonly<Record<string, readonly RegExp[]>> = {
  'leave-writable': [
    /^memory: 1 preserved pages are not write-protected: pfn 0x\w+: ([\w-]+ \(pid \d+\)) can write to it: anonymous memory, \1 at 0x/,
  ],
  'lose-reference': [
    /^memory: 1 preserved pages are held by too few references: pfn 0x\w+: 1 references, 1 of them by page tables: anonymous memory, [\w-]+ \(pid \d+\) at 0x/,
  ],
  'ignore-holders': [
    /^memory: \d+ preserved pages are held by too many references: pfn 0x\w+: 3 references, 1 of them by page tables: anonymous memory, live-spliced \(pid \d+\) at 0x/,
  ],
  'keep-reference': [
    /^memory: 1 of \d+ pages .*: kept_pfn$/,
    /^memory: 1 pages of programs were not given back after an earlier snapshot: pfn 0x\w+: \d+ references, \d+ of them by page tables: anonymous memory, [\w-]+ \(pid \d+\) at 0x/,
  ],
  'skip-last-page': [
    // Above 4 GiB.
    /^memory: \d+ of \d+ pages .*: pfn 0x1\w{5}\+0x\w+: .*: anonymous memory, [\w-]+ \(pid \d+\) at 0x/,
    /^image: 1 of \d+ pages .*: pfn 0x1\w{5}\+/,
  ],
  'keep-exclusive': [
    /^memory: 1 preserved pages still belong to one program alone: pfn 0x\w+: a page fault makes it writable: anonymous memory, [\w-]+ \(pid \d+\) at 0x/,
  ],
  'ignore-pins': [
    /^memory: 64 preserved pages are held by too many references: pfn 0x\w+: 1026 references, 1 of them by page tables: anonymous memory, live-registered \(pid \d+\) at 0x/,
    /^memory: 64 of \d+ pages of the image are not what they were at the atomic copy: pfn /,
    /^image: 64 of \d+ pages /,
  ],
  'miss-late-holder': [
    /^memory: 1 preserved pages are held by too many references: pfn 0x\w+: 3 references, 1 of them by page tables: anonymous memory, [\w-]+ \(pid \d+\) at 0x/,
  ],
  'take-parts': [
    /^memory: \d+ preserved pages are not write-protected: pfn 0x\w+: storm \(pid \d+\) can write to it: .*anonymous memory, storm \(pid \d+\) at 0x/,
    /^memory: \d+ of \d+ pages of the image are not what they were at the atomic copy: pfn /,
  ],
  'lose-pte-bits': [/^command: .*: storm: marks: page \d+ was /],
  'skip-flush': [/^kernelFault: warning: WARNING: CPU: \d+ PID: \d+ at kernel\/power\/rig_break\.c:\d+ probe_this_tlb/],
  'skip-notifiers': [
    /^memory: 1 of \d+ pages of the image are not what they were at the atomic copy: pfn 0x\w+\+0x\w+: .*anonymous memory, tail \(pid \d+\) at 0x/,
    /^image: 1 of \d+ pages /,
  ],
  'leave-unguarded': [
    /^disk: 8 sectors .* changed between the atomic copy and the restored kernel: sda: 8 from sector 300000: ext4: /,
  ],
  'thaw-early': [/^disk: the system continued before its writes were redirected: tasks thawed at /],
  'reuse-swap': [/^disk: .*: sdb2: \d+ from sector \d+: swap slot \d+$/],
  'flip-after-restore': [ONE_PAGE_OF_A_PROGRAM],
  'flip-copy': [ONE_PAGE_OF_A_PROGRAM, /^image: 1 of \d+ pages /],
  'skip-page': [ONE_PAGE_OF_A_PROGRAM, /^image: 1 of \d+ pages /],
  'skip-put-back': [
    /^memory: 1 of \d+ pages of the image are not what they were at the atomic copy: pfn 0x\w+\+0x0: .*: page cache of inode \d+ on tmpfs, page \d+$/,
  ],
  'put-back-twice': [
    /^memory: 1 of \d+ pages of the image are not what they were at the atomic copy: pfn 0x\w+\+0x\w+: .*: page cache of inode \d+ on tmpfs, page \d+$/,
  ],
  'keep-store': [
    /^disk: \d+ sectors of the COW store were written by the restored system: its writes do not reach the origins: sdb1: \d+ from sector \d+$/,
    /^command: `cat \/root\/after` ended with status 1, not 0: /,
  ],
  'valid-after-commit': [
    /^command: `snapctl take -c \/dev\/sdb1 commit-stale\.sh live` ended with status 1, not 0: the image is not refused for the commit of its snapshot, but:/,
  ],
  'merge-early': [
    /^command: `commit-order\.sh check` ended with status 1, not 0: [^]*'live': the device has [1-9]\d* lines of the live timeline, and should have 0/,
  ],
  'clear-early': [
    /^command: `commit-order\.sh check` ended with status 1, not 0: [^]*'committed': the device has \d+ lines of the live timeline, and should have 786432/,
  ],
  'write-past': [
    /^command: `snapctl take -c \/dev\/sdb1 commit\.sh \/mnt\/ext4\/file sdb sdb4` ended with status 1, not 0: [^]*a program saw an error/,
  ],
  'swap-neighbours': [ONE_PAGE_OF_A_PROGRAM, /^image: 2 of \d+ pages /],
};

/**
 * What follows of some mistakes if the page that the kernel has chosen is written to, or given to somebody else, in the
 * live timeline. The scenarios see to it where every run is the same; elsewhere another page is chosen in every run.
 */
const IF_PAGE_CHANGES: readonly RegExp[] = [/^memory: 1 of \d+ pages /, /^image: 1 of \d+ pages /];
const LATER_FINDINGS: Readonly<Record<string, readonly RegExp[]>> = {
  'leave-writable': IF_PAGE_CHANGES,
  'lose-reference': IF_PAGE_CHANGES,
  'keep-exclusive': IF_PAGE_CHANGES,
};

/** Why this report of a broken kernel does not show that `mistake` was caught. Empty when it does. */
export function notCaught(
  mistake: string,
  { failures, machine }: Pick<Report, 'failures' | 'machine'>,
): readonly string[] {
  const certain = FINDINGS_OF_MISTAKES[mistake];
  if (certain === undefined) return [`nobody has said what must be found of the mistake '${mistake}'`];
  const wanted = [...certain, ...(machine?.deterministic === false ? [] : (LATER_FINDINGS[mistake] ?? []))];
  return notFound(wanted, { failures });
}

/** Which of the `wanted` findings a report does not have, and which it has instead. Empty when it has all. */
export function notFound(wanted: readonly RegExp[], { failures }: Pick<Report, 'failures'>): readonly string[] {
  const found = failures.map(({ kind, what, details }) => `${kind}: ${what}: ${details[0] ?? ''}`);
  const missing = wanted.filter((pattern) => !found.some((line) => pattern.test(line)));
  if (missing.length === 0) return [];
  return [
    ...missing.map((pattern) => `not found: ${pattern.source}`),
    ...(found.length === 0 ? ['nothing was found'] : found.map((line) => `found: ${line}`)),
  ];
}
