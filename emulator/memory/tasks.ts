// SPDX-License-Identifier: MIT
/** Tasks, their kernel stacks and address spaces; and the way back from a frame to the tasks that map it. */
import { gpa, pfnOfGpa, type Gpa, type Pfn } from '../machine/units.js';
import { kernelWord, listNodes, perCpuGpa, physical, readWord, type GuestKernel } from './kernel.js';
import { constant } from './layout.js';
import { lowerHalfEnd, mappings, tables } from './pagetable.js';
import { addressOf } from './symbols.js';
import { readString, readU32, va, type Va } from './view.js';

const COMM_BYTES = 16;

export interface Task {
  readonly address: Va;
  /** Thread id; the kernel calls it pid. */
  readonly pid: number;
  /** Process id. */
  readonly tgid: number;
  readonly comm: string;
  /** Physical address of the page directory; undefined for kernel threads. */
  readonly directory: Gpa | undefined;
  /** Lowest kernel address of the kernel stack. */
  readonly stack: Va;
}

function readTask(kernel: GuestKernel, address: Va): Task {
  const { layout } = kernel;
  const at = (name: string): Gpa => physical(kernel, address, constant(layout, name));
  const mm = readWord(kernel, at('task_struct.mm'));
  return {
    address,
    pid: readU32(kernel.memory, at('task_struct.pid')),
    tgid: readU32(kernel.memory, at('task_struct.tgid')),
    comm: readString(kernel.memory, at('task_struct.comm'), COMM_BYTES),
    directory: mm === 0 ? undefined : physical(kernel, kernelWord(kernel, mm, constant(layout, 'mm_struct.pgd'))),
    stack: va(readWord(kernel, at('task_struct.stack'))),
  };
}

/** Every task, thread by thread: the idle task first, then process by process. */
export function tasks(kernel: GuestKernel): Task[] {
  const { layout } = kernel;
  const idle = addressOf(kernel.symbols, 'init_task');
  const found = [readTask(kernel, idle)];
  for (const node of listNodes(kernel, idle + constant(layout, 'task_struct.tasks'))) {
    const leader = va(node - constant(layout, 'task_struct.tasks'));
    const signal = kernelWord(kernel, leader, constant(layout, 'task_struct.signal'));
    for (const thread of listNodes(kernel, signal + constant(layout, 'signal_struct.thread_head'))) {
      found.push(readTask(kernel, va(thread - constant(layout, 'task_struct.thread_node'))));
    }
  }
  return found;
}

/** The task that a processor runs; processor 0 is the one that suspends the system. */
export function currentTask(kernel: GuestKernel, processor = 0): Task {
  const { layout } = kernel;
  const hot = perCpuGpa(kernel, constant(layout, '&pcpu_hot'), processor);
  return readTask(kernel, va(readWord(kernel, gpa(hot + constant(layout, 'pcpu_hot.current_task')))));
}

export interface UserMapping {
  readonly task: Task;
  readonly address: Va;
}

/** A page that a process has, and whether it may write to it without a page fault. */
export interface UserPage extends UserMapping {
  readonly writable: boolean;
  /** Part of a large page that one entry maps: it counts as one reference for all of it. */
  readonly large: boolean;
}

/**
 * Which task maps which frame where. Threads share an address space, so there is one task of each process: the first that has it.
 * The process's first thread may have exited.
 */
export interface UserMaps {
  readonly byFrame: ReadonlyMap<Pfn, readonly UserPage[]>;
  /** Frames that serve as page tables or directories: whose, and the first address that the table maps. */
  readonly tables: ReadonlyMap<Pfn, UserMapping>;
}

export function userMaps(kernel: GuestKernel, all: readonly Task[]): UserMaps {
  const { paging, direct } = kernel.addressing;
  // With 32 bits, programs have what the kernel leaves them.
  const userEnd = direct > 0 ? direct : lowerHalfEnd(paging);
  const byFrame = new Map<Pfn, UserPage[]>();
  const tableFrames = new Map<Pfn, UserMapping>();
  const processes = new Set<number>();
  for (const task of all) {
    if (task.directory === undefined || processes.has(task.tgid)) continue;
    processes.add(task.tgid);
    tableFrames.set(pfnOfGpa(task.directory), { task, address: va(0) });
    for (const table of tables(kernel.memory, paging, task.directory, va(0), userEnd)) {
      tableFrames.set(table.frame, { task, address: table.address });
    }
    for (const mapping of mappings(kernel.memory, paging, task.directory, va(0), userEnd)) {
      const { address, writable, large } = mapping;
      const page: UserPage = { task, address, writable, large };
      const known = byFrame.get(mapping.frame);
      if (known === undefined) byFrame.set(mapping.frame, [page]);
      else known.push(page);
    }
  }
  return { byFrame, tables: tableFrames };
}
