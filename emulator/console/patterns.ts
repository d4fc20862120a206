// SPDX-License-Identifier: MIT
/** Patterns of the messages that a kernel prints about faults. One row per kind of message, most specific first. */

export type FaultKind =
  | 'panic'
  | 'oops'
  | 'bug'
  | 'warning'
  | 'lockdep'
  | 'atomicSleep'
  | 'hungTask'
  | 'rcuStall'
  | 'lockup'
  | 'freezeRefused'
  | 'suspendFailed'
  | 'ioError'
  | 'outOfMemory'
  | 'sanitizer'
  | 'listCorruption'
  | 'pagePoison'
  | 'slabCorruption'
  | 'badPage'
  | 'refcount'
  | 'filesystem'
  | 'segfault';

export interface FaultPattern {
  readonly kind: FaultKind;
  /** Matched against the message without its time stamp. */
  readonly message: RegExp;
  /** single: a message of one line. report: the following lines belong to it. */
  readonly extent: 'single' | 'report';
}

const report = (kind: FaultKind, message: RegExp): FaultPattern => ({ kind, message, extent: 'report' });
const single = (kind: FaultKind, message: RegExp): FaultPattern => ({ kind, message, extent: 'single' });

export const FAULT_PATTERNS: readonly FaultPattern[] = [
  report('panic', /^Kernel panic - not syncing: ?/),

  report('sanitizer', /^BUG: K(?:ASAN|CSAN|MSAN|FENCE): /),
  report('sanitizer', /^UBSAN: /),
  report('listCorruption', /^list_(?:add|del|\w+) corruption[.,]/),
  report('pagePoison', /^pagealloc: (?:memory corruption|single bit error)/),
  report('slabCorruption', /^BUG \S+ \((?:Not tainted|Tainted[^)]*)\): /),
  single('slabCorruption', /^(?:Slab corruption|FIX \S+: )/),
  report('badPage', /^BUG: Bad (?:page state|page map|page cache|rss-counter|swap|dirty)/),
  report('badPage', /^page:\S+ is uninitialized and poisoned/),
  report('refcount', /^refcount_t: /),
  report('atomicSleep', /^BUG: (?:sleeping function called from invalid context|scheduling while atomic)/),

  report(
    'lockdep',
    /^WARNING: (?:possible (?:circular|recursive) locking|inconsistent lock state|possible irq lock inversion|possible interrupt unsafe|suspicious RCU usage|bad (?:unlock|contention) (?:balance|detected)|held lock freed|lock held when returning|(?:HARD|SOFT)IRQ-safe|\S+-safe -> \S+-unsafe|nested lock was not taken|\S+ still has locks held|freezing .*still holding locks)/i,
  ),
  report(
    'lockdep',
    /^(?:\[ )?BUG: (?:Invalid wait context|lock held|held lock freed|workqueue leaked (?:lock|atomic)|looking up invalid subclass|spinlock |rwlock |mutex |(?:MAX_|\w+ )?LOCKDEP)/i,
  ),
  report('lockdep', /^INFO: (?:trying to register non-static key|lockdep is turned off)/),
  report('lockdep', /^DEBUG_LOCKS_WARN_ON\(/),

  report('lockup', /^(?:watchdog: )?BUG: soft lockup - CPU#/),
  report('lockup', /^(?:NMI watchdog: |watchdog: )?Watchdog detected hard LOCKUP/),
  report('lockup', /^BUG: workqueue lockup - pool/),
  report('rcuStall', /^rcu: INFO: rcu_\w+ (?:self-)?detected (?:expedited )?stalls?/),
  report('rcuStall', /^rcu: (?:rcu_\w+ )?kthread (?:timer wakeup didn't happen|starved) for/),
  report('hungTask', /^INFO: task \S+:\d+ (?:<\w+> )?blocked (?:on|for more than \d+ seconds)/),

  report('oops', /^BUG: (?:kernel NULL pointer dereference|unable to handle|stack guard page was hit|Bad stack)/),
  report(
    'oops',
    /^(?:Oops: |general protection fault[:,]|divide error: 0000|invalid opcode: 0000|stack segment: 0000|traps: PANIC: double fault|double fault: 0000|int3: 0000)/,
  ),
  report('oops', /^unable to handle kernel /i),
  report('bug', /^kernel BUG at \S+!/),
  report('bug', /^BUG: /),
  report('warning', /^WARNING: (?:CPU: \d+ PID: \d+ at |\S+:\d+ at )/),

  report('freezeRefused', /^Freezing (?:user space|remaining freezable|filesystems|\S+).* (?:failed|aborted) after /),
  single('freezeRefused', /\brefusing to freeze\b/),
  single(
    'suspendFailed',
    /^(?:PM: )?(?:hibernation: |hibernate: )?(?:Some (?:devices|system devices) failed to|Error -?\d+ creating image|Not enough free (?:memory|swap)|Memory allocation failed|Image allocation is \d+ pages short|Image mismatch: |Failed to load (?:hibernation )?image|Cannot (?:find swap device|get swap writer|allocate (?:original|copy|zero) bitmap)|Swap header not found|Hibernate inconsistent memory map|Unrecognized hibernate image|Invalid \S+ compressed length|Error -?\d+ (?:resuming|loading))/,
  ),
  single(
    'suspendFailed',
    /^(?:\S+ )*PM: (?:device_\w+|dpm_run_callback|failed to (?:suspend|freeze|restore|quiesce|thaw|resume))\S*.* (?:returns -\d+|error -\d+)/,
  ),

  single(
    'ioError',
    /^(?:blk_update_request: )?(?:I\/O|critical (?:target|medium|nexus|space allocation)|protection|timeout) error, dev /,
  ),
  single('ioError', /^Buffer I\/O error on dev(?:ice)? /),
  single('ioError', /^(?:PM: )?(?:Read|Write)-error on swap-device /),
  single(
    'ioError',
    /^ata\d+(?:\.\d+)?: (?:exception Emask|failed command|lost interrupt|SRST failed|COMRESET failed|revalidation failed|disabled?$)/,
  ),
  single('ioError', /^lost (?:async )?page write due to I\/O error/),
  single(
    'ioError',
    /^device-mapper: (?:snapshots: (?:Invalidating snapshot|Snapshot is marked invalid)|\S+: .*(?:failed|error))/i,
  ),

  report('outOfMemory', /\binvoked oom-killer: /),
  single(
    'outOfMemory',
    /^(?:Out of memory(?: \([^)]*\))?: Killed process|Memory cgroup out of memory: Killed process|Out of memory and no killable)/,
  ),
  report('outOfMemory', /: page allocation failure: order:\d+/),

  single(
    'filesystem',
    /^EXT4-fs (?:error|\(\S+\): (?:error|Remounting filesystem read-only|This should not happen|failed to convert|I\/O error|delayed block allocation failed))/,
  ),
  single('filesystem', /^EXT4-fs warning \(device \S+\): (?!ext4_multi_mount_protect)/),
  single(
    'filesystem',
    /^(?:Aborting journal on device|JBD2: (?:Error|recovery failed|Invalid checksum|Detected IO errors)|JBD2: .* journal abort)/,
  ),
  single(
    'filesystem',
    /^XFS \(\S+\): (?:Metadata (?:corruption|CRC error|I\/O Error)|Internal error|Corruption (?:detected|of)|(?:Filesystem|Log I\/O Error|User initiated).*shut|metadata I\/O error|log I\/O error|xfs_do_force_shutdown|Uncorrected metadata)/i,
  ),
  single('filesystem', /^BTRFS (?:error|critical|alert|emergency)/),
  single('filesystem', /^F2FS-fs \(\S+\): (?:.*(?:inconsistent|corrupt|invalid|error|failed))/i),
  single('filesystem', /^FAT-fs \(\S+\): (?:error|Filesystem has been set read-only)/),

  single('segfault', /^(?:traps: )?\S.*\[\d+\]: segfault at /),
  single('segfault', /^traps: \S.*\[\d+\] (?:trap|general protection)/),
];
