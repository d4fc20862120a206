// SPDX-License-Identifier: MIT
/**
 * Markers: port writes by which the guest tells the rig where it is.
 *
 * The guest sends each marker in two ways, of which a machine hears at most one.
 *
 * The first way is three 32-bit writes: word 0 to `base + 4`, word 1 to `base + 8`, then the kind to
 * `base`, which sends it. Kernel and userspace have separate bases, so that a kernel
 * marker cannot mix with an incomplete one of userspace. A 32-bit read of `base` returns 1 while the guest must hold
 * (spin) there, and 0 when it may continue. Without a rig it returns all ones, which also means continue.
 *
 * The second way is one byte written to the port of a pvpanic device, which pauses the machine. The marker is in the
 * registers of the processor that wrote it: ebx = kind, ecx = word 0, esi = word 1. edi = MARKER_SENDING before the
 * write and MARKER_SENT after it. Since one instruction sends the marker, any number of processors may do so at once.
 * The guest holds as long as the machine is paused.
 *
 * The kernel's `include/linux/rig_marker.h` and `guest-kernel/userspace/include/rig_marker.h` have the same numbers;
 * a unit test compares them.
 */

export const MARKER_PORT_KERNEL = 0x5b00;
export const MARKER_PORT_USER = 0x5b10;
/** The port of the pvpanic device. */
export const MARKER_PORT_PVPANIC = 0x5b30;

/** In edi of a processor that is about to send a marker by the pvpanic device. */
export const MARKER_SENDING = 0x52494720;
/** In edi of a processor that has sent one and has not gone on. */
export const MARKER_SENT = 0x52494721;

/** Steps of a suspend that the kernel marks; `begin` is `0x1000 + 2 * step`, `end` one more. */
export const KERNEL_STEPS = {
  /** The whole call (or the write to /sys/power/state). end: word0 = timeline (0 live, 1 restored), word1 = errno. */
  call: 1,
  freezeFilesystems: 2,
  freezeTasks: 3,
  /** Memory preallocation. end: word0 = pages allocated. */
  shrink: 4,
  /** Marking of user pages copy-on-write. end: word0 = pages preserved. */
  preserve: 5,
  /** Devices suspend. */
  quiesce: 6,
  /** The atomic copy, interrupts off. begin: word0 = pages to copy. end: word0 = pages copied. */
  copy: 7,
  /** begin: the resuming kernel is about to jump. end: the restored kernel has started to run, interrupts still off. */
  restore: 8,
  devicesResume: 9,
  substitute: 10,
  thawTasks: 11,
  thawFilesystems: 12,
  /** swsusp's own writer, or nothing. */
  imageWrite: 13,
  /** swsusp's own reader, or the load through /dev/snapshot. */
  imageRead: 14,
  powerOff: 15,
  rollback: 16,
  /** The store of a live timeline is merged into the origins. end: word1 = errno. */
  commit: 17,
} as const;
export type KernelStep = keyof typeof KERNEL_STEPS;

/**
 * Marks the kernel's layout table: word0 = lower 32 bits of its gpa, word1 = its length in bytes, and above 16 bits the
 * rest of its gpa. Sent once, late in boot.
 */
export const MARKER_LAYOUT = 0x1fff;

/**
 * Mistakes that the kernel is asked to make (`rig.break`), which stand in kernel/power/rig_break.c. asked: an image is
 * about to be made with one. made: it has been. word0 = which one, as an index into MISTAKES
 * (emulator/faults/mistake.ts); of `made`, word1 = where: a pfn, sector or device.
 */
export const MISTAKE_MARKERS = { asked: 0x1ffd, made: 0x1ffe } as const;

/** Userspace markers that the rig's own guest programs send. */
export const USER_MARKERS = {
  /** The initramfs runs and has not yet read a disk. Resumes start from this point. Holds. */
  beforeDisk: 0x2001,
  /** The initramfs decided: word0 = 0 boot, 1 resume. */
  bootDecision: 0x2002,
  /** The agent of the root filesystem is ready for commands. Scenarios start from this point. Holds. */
  agentReady: 0x2003,
  /** The init is about to power the machine off: word0 = the number of mounts and devices that stayed busy. */
  shutdown: 0x2004,
  /**
   * The initramfs has mounted and unmounted a filesystem (`rig.mount`): word 0 and 1 = errno of the mount and of the
   * unmount.
   */
  mountedOnce: 0x2005,
  /**
   * The initramfs does not go on, because a device that the kernel command line names is missing or cannot be read.
   * The last line of the console that begins with `init: stopped: ` says which one.
   */
  bootStopped: 0x2006,
} as const;
export type UserMarker = keyof typeof USER_MARKERS;

/** First kind free for scenarios and tests (`rig-marker N` in the guest sends MARKER_SCENARIO + N). */
export const MARKER_SCENARIO = 0x3000;

export const stepBegin = (step: KernelStep): number => 0x1000 + 2 * KERNEL_STEPS[step];
export const stepEnd = (step: KernelStep): number => stepBegin(step) + 1;

/** A name for people: `copy:begin`, `agentReady`, `scenario:3`, or the number in hexadecimal. */
export function markerName(kind: number): string {
  if (kind === MARKER_LAYOUT) return 'layout';
  for (const [name, step] of Object.entries(KERNEL_STEPS)) {
    if (kind === 0x1000 + 2 * step) return `${name}:begin`;
    if (kind === 0x1001 + 2 * step) return `${name}:end`;
  }
  for (const [name, value] of Object.entries(MISTAKE_MARKERS)) if (value === kind) return `mistake:${name}`;
  for (const [name, value] of Object.entries(USER_MARKERS)) if (value === kind) return name;
  if (kind >= MARKER_SCENARIO && kind < MARKER_SCENARIO + 0x1000) return `scenario:${kind - MARKER_SCENARIO}`;
  return `0x${kind.toString(16)}`;
}
