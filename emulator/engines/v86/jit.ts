// SPDX-License-Identifier: MIT
/**
 * The code that v86 generates. It is compiled at once, but passed to v86 only between ticks, so that it takes effect at
 * a defined instruction. (Within the call v86 still holds its JIT lock.)
 *
 * Equal guests generate equal bytes. A cache by content lets a later machine use the module that an earlier one
 * compiled, with the optimised code that the host's compiler has made for it in the meantime.
 */
import { equalBytes, wordsOf } from '../../machine/bytes.js';
import type { V86Cpu } from './internals.js';

/** First slot of the function table that belongs to generated code. */
const TABLE_OFFSET = 1024;

export interface CompiledCode {
  readonly bytes: Uint8Array;
  /** {@link hash} of the bytes. */
  readonly key: number;
  readonly module: WebAssembly.Module;
}

/** Compiles generated code synchronously. A host can replace the default by a faster way. */
export type CompileGenerated = (bytes: Uint8Array) => WebAssembly.Module;

export interface ModuleCache {
  /** The module of these bytes, compiled now if the cache lacks it. `bytes` is copied when kept. */
  obtain(bytes: Uint8Array): CompiledCode;
  /** Adds code that another worker compiled. */
  add(code: CompiledCode): void;
  /** The code that this cache has compiled itself since the last call. */
  takeCompiled(): CompiledCode[];
  readonly hits: () => number;
}

/** A short hash finds the candidates; a comparison of all bytes decides. */
export function createModuleCache(compile: CompileGenerated = (bytes) => new WebAssembly.Module(bytes)): ModuleCache {
  const byHash = new Map<number, CompiledCode[]>();
  let compiled: CompiledCode[] = [];
  let hits = 0;
  const find = (key: number, bytes: Uint8Array): CompiledCode | undefined =>
    byHash.get(key)?.find((code) => equalBytes(code.bytes, bytes));
  const insert = (code: CompiledCode): void => {
    const list = byHash.get(code.key);
    if (list) list.push(code);
    else byHash.set(code.key, [code]);
  };
  return {
    obtain(bytes) {
      const key = hash(bytes);
      const known = find(key, bytes);
      if (known) {
        hits++;
        return known;
      }
      const copy = bytes.slice();
      const code = { bytes: copy, key, module: compile(copy) };
      insert(code);
      compiled.push(code);
      return code;
    },
    add(code) {
      if (!find(code.key, code.bytes)) insert(code);
    },
    takeCompiled() {
      const taken = compiled;
      compiled = [];
      return taken;
    },
    hits: () => hits,
  };
}

/** FNV-1a over 32-bit words, then over the rest. */
export function hash(bytes: Uint8Array): number {
  let sum = 0x811c9dc5 ^ bytes.length;
  const words = wordsOf(bytes);
  for (let at = 0; at < words.length; at++) sum = Math.imul(sum ^ (words[at] ?? 0), 0x01000193) ^ (sum >>> 15);
  for (let at = words.length * 4; at < bytes.length; at++) sum = Math.imul(sum ^ (bytes[at] ?? 0), 0x01000193);
  return sum >>> 0;
}

export interface Jit {
  hasPending(): boolean;
  /** Passes to v86 the code that was generated since the last call. To be called only between ticks. */
  deliver(): void;
  /** Code in the function table, by slot. */
  live(): ReadonlyMap<number, CompiledCode>;
  /** Fills the function table of a fresh instance. Its wasm memory is restored separately. */
  restore(live: ReadonlyMap<number, Uint8Array>): void;
}

export function createJit(cpu: V86Cpu, cache: ModuleCache): Jit {
  const pending: { index: number; start: number; stateFlags: number; bytes: Uint8Array }[] = [];
  const live = new Map<number, CompiledCode>();
  const imports = { e: cpu.jit_imports };
  const table = cpu.wm.wasm_table;

  const place = (index: number, bytes: Uint8Array): void => {
    const code = cache.obtain(bytes);
    table.set(index + TABLE_OFFSET, new WebAssembly.Instance(code.module, imports).exports['f']);
    live.set(index, code);
  };

  const clearOne = cpu.jit_clear_func;
  const clearAll = cpu.jit_clear_all_funcs;
  cpu.codegen_finalize = (index, start, stateFlags, pointer, length) => {
    const bytes = new Uint8Array(cpu.wasm_memory.buffer, pointer >>> 0, length >>> 0).slice();
    pending.push({ index, start, stateFlags, bytes });
  };
  cpu.jit_clear_func = (index) => {
    live.delete(index);
    clearOne.call(cpu, index);
  };
  cpu.jit_clear_all_funcs = () => {
    live.clear();
    clearAll.call(cpu);
  };

  return {
    hasPending: () => pending.length > 0,
    deliver() {
      if (pending.length === 0) return;
      for (const { index, start, stateFlags, bytes } of pending.splice(0)) {
        place(index, bytes);
        cpu.codegen_finalize_finished(index, start, stateFlags);
      }
    },
    live: () => live,
    restore(slots) {
      for (const [index, bytes] of slots) place(index, bytes);
    },
  };
}
