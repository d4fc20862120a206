// SPDX-License-Identifier: MIT
/**
 * The differences between two images that the order of freezing explains: things happened at another time, or something
 * was done in between. The list is closed, and each cause names the owners that it applies to.
 */
import type { Cause } from './images.js';

/** Upper bound of the distance between two moments of one call, in nanoseconds, cycles or instructions. */
const CALL_MAX = 2 ** 26;

/** Causes for two machines that were equal up to the call, in which only the kernel and the caller were running. */
export const FREEZE_ORDER_CAUSES: readonly Cause[] = [
  { why: 'the setting itself', owners: /freeze_order/, withinMax: 1 },
  {
    why: 'what time it is: the two orders take different numbers of instructions',
    owners:
      /_vdso_data|tk_core|tk_fast_(?:mono|raw)|shadow_timekeeper|tkr_dummy\.\d+|timekeeping_suspend_time|cycles_at_suspend|cyc2ns_suspend/,
  },
  {
    why: 'a tick of the clock more or less',
    owners:
      /jiffies_(?:64|seq)|last_jiffies_update|tick_(?:next_period|cpu_sched|do_timer_cpu)|(?:hr)?timer_bases|rcu_ctrlblk|kernel_cpustat|kstat|calc_load_nohz|softnet_data/,
  },
  {
    why: 'a tick of the clock more or less, of which its interrupt keeps count',
    owners: /slab kmalloc-256/,
    // tot_count of struct irq_desc. The layout table does not have it; in a kernel that has it elsewhere, the difference is told.
    field: { offset: 68, length: 4 },
    withinMax: 4,
  },
  {
    why: 'a tick of the clock more or less, of which a queue of work keeps count: in microseconds that its workers have run',
    owners: /slab pool_workqueue/,
    // stats[] of struct pool_workqueue. The layout table does not have it; in a kernel that has it elsewhere, the difference is told.
    field: { offset: 156, length: 8 },
    withinMax: 40_000,
  },
  { why: 'when messages were printed', owners: /_printk_rb_static_infos|printk_shared_pbufs|__log_buf/ },
  { why: 'chance that the kernel gathers of times', owners: /input_pool|irq_randomness/ },
  {
    why: 'how long and when tasks have run',
    owners: /runqueues|init_task|slab (?:task_struct|kmalloc-128)/,
    withinMax: CALL_MAX,
  },
  {
    why: 'when a task last began to run: a worker of the kernel that ran in one order need not have run in the other',
    owners: /slab task_struct/,
    // se.exec_start. The layout table does not have it; in a kernel that has it elsewhere, the difference is told.
    field: { offset: 112, length: 8 },
  },
  {
    why: 'beside whom tasks last stood in the queue of those that want to run',
    owners: /slab task_struct/,
    linksTo: /slab task_struct|runqueues/,
  },
  {
    why: 'what calls that have returned have left on a stack, times among it',
    owners:
      /kernel stack of .* \(pid \d+\)|init_thread_union|entry_stack_storage|page of the kernel \(flags 0x0, 0 references\)/,
  },
  {
    why: 'when a device was last at work or was stopped',
    owners:
      /slab (?:kmalloc-(?:512|1k|2k)|bio-\d+)|part of the compound page at pfn \d+|page of the kernel \(flags 0x0, 1 references\)/,
    withinMax: CALL_MAX,
  },
  {
    why: 'which of the idle workers of the kernel comes first: each takes the next work when it is ready',
    owners: /slab kmalloc-128/,
    linksTo: /slab kmalloc-(?:128|512)/,
  },
  {
    why: 'the name of the last work of a worker, of which longer names leave a rest',
    owners: /slab kmalloc-128/,
    text: true,
  },
  {
    why: 'in which order devices were stopped by such workers: freed entries of their queue',
    owners: /slab kmalloc-64/,
    linksTo: /slab kmalloc-(?:64|512|1k|2k)/,
  },
  {
    why: 'counts of pages and events, which each processor gathers for itself',
    owners: /reserved at boot|vm_(?:event_states|node_stat|zone_stat)/,
    withinMax: CALL_MAX,
  },
];

/** Self-check programs that never sleep, and the agent. */
const AT_WORK = String.raw`(?:rig-agent|anon-(?:rewritten|shared)|children|clocks|disk-writers|fpu|futex|hugetlb|landlock|live-\w+|pipe-flow|seccomp|signal-traffic|tcp-flow|thread-\w+|timer-\w+) \(pid \d+\)`;
/** Folders with files to which these programs write all the time, and the files. */
const FOLDERS_AT_WORK = String.raw`\/var\/tmp\/selfcheck\/(?:disk-writers|live-direct)`;
const FILES_AT_WORK = String.raw`${FOLDERS_AT_WORK}\/[\w-]+`;

/**
 * Range of blocks of the root filesystem that contains its whole journal (blocks 803 to 4898, according to `stat <8>`
 * of debugfs).
 */
const JOURNAL = String.raw`(?:[89]\d{2}|[1-4]\d{3})`;

/** The root filesystem's device, which is the first of the device mapper's: the kernel gives that a number when it boots. */
const ROOT_DEVICE = String.raw`block device 25\d:0`;

/** Causes for the memory of programs and files of two machines that were equal up to the call. */
export const WORK_CAUSES: readonly Cause[] = [
  {
    why: 'programs that work until they are frozen have come further',
    owners: new RegExp(String.raw`${AT_WORK} at 0x[0-9a-f]+`),
  },
  {
    why: 'memory that such programs share',
    owners: new RegExp(
      String.raw`page cache of inode \d+ on (?:tmpfs \(dev\/zero\)|aio \(\[aio\]\)), page \d+(?:, ${AT_WORK})+`,
    ),
  },
  {
    why: 'files to which such programs write',
    owners: new RegExp(String.raw`page cache of inode \d+ on dm-0 \(${FILES_AT_WORK}\), page \d+`),
  },
  {
    why: 'blocks in which a filesystem notes when its files were written',
    owners: new RegExp(String.raw`page cache of ${ROOT_DEVICE}, page \d+`),
  },
  {
    why: 'how far the journal has come',
    owners: new RegExp(String.raw`page cache of ${ROOT_DEVICE}, page ${JOURNAL}, in one image only`),
  },
];

/** Causes for the disks of the same machines. */
export const WORK_DISK_CAUSES: readonly Pick<Cause, 'why' | 'owners'>[] = [
  { why: 'what the journal holds was put on disk at another time', owners: /^sda: ext4: journal$/ },
  { why: 'how much has been written to a filesystem, of which it keeps count', owners: /^sda: ext4: superblock$/ },
  {
    why: 'when files of programs at work were last written',
    // Two inodes share a sector.
    owners: new RegExp(
      String.raw`^sda: ext4: inode (?:\d+ \(\S+\) or )?\d+ \((?:${FILES_AT_WORK}|${FOLDERS_AT_WORK})\)(?: or \d+ \(\S+\))?$`,
    ),
  },
  {
    why: 'what programs at work write until they are frozen',
    owners: new RegExp(String.raw`^sda: ext4: ${FILES_AT_WORK}, byte \d+$`),
  },
];
