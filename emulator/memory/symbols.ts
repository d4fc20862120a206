// SPDX-License-Identifier: MIT
/** System.map: from names to addresses and back. */
import { InputError } from '../machine/errors.js';
import { va, type Va } from './view.js';

export interface KernelSymbol {
  readonly name: string;
  readonly address: Va;
  /** The letter that nm gives: T t text, D d data, B b bss, R r read-only, A a absolute, ... */
  readonly type: string;
}

export interface SymbolTable {
  /** Sorted by address. */
  readonly symbols: readonly KernelSymbol[];
  /** First symbol of each name: static names may occur several times. */
  readonly byName: ReadonlyMap<string, KernelSymbol>;
}

const LINE = /^([0-9a-f]{8}|[0-9a-f]{16}) (\S) (\S+)$/;

let last: { readonly text: string; readonly table: SymbolTable } | undefined;

/**
 * Parses the text of System.map. Throws InputError at the first line that is none. The last table is kept: the proofs and the maps of
 * a run ask for the same one, and a parse takes a tenth of a second.
 */
export function parseSystemMap(text: string): SymbolTable {
  if (last?.text !== text) last = { text, table: parse(text) };
  return last.table;
}

function parse(text: string): SymbolTable {
  const symbols: KernelSymbol[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const [, address, type, name] = LINE.exec(line) ?? [];
    if (address === undefined || type === undefined || name === undefined) {
      throw new InputError(`System.map:${index + 1}: expected "address type name", found "${line.slice(0, 60)}"`, {
        remedy: 'rebuild the kernel, its System.map is damaged',
      });
    }
    symbols.push({ name, type, address: addressOfDigits(address) });
  }
  symbols.sort((a, b) => a.address - b.address);
  return tableOf(symbols);
}

function tableOf(symbols: readonly KernelSymbol[]): SymbolTable {
  const byName = new Map<string, KernelSymbol>();
  for (const symbol of symbols) if (!byName.has(symbol.name)) byName.set(symbol.name, symbol);
  return { symbols, byName };
}

/** 16 digits are a signed number, of which the kernel's half is negative. */
const addressOfDigits = (digits: string): Va =>
  va(digits.length === 8 ? Number.parseInt(digits, 16) : Number(BigInt.asIntN(64, BigInt(`0x${digits}`))));

/**
 * The symbols of a kernel that has moved itself at boot. Absolute symbols stay, and so do those of per-CPU variables on x86-64,
 * which count from zero.
 */
export function shifted(table: SymbolTable, bytes: number): SymbolTable {
  const text = addressOf(table, '_text');
  const moves = ({ type, address }: KernelSymbol): boolean =>
    type.toLowerCase() !== 'a' && (text >= 0 ? address >= text : address < 0);
  return tableOf(
    table.symbols
      .map((symbol) => (moves(symbol) ? { ...symbol, address: va(symbol.address + bytes) } : symbol))
      .sort((a, b) => a.address - b.address),
  );
}

/** Throws InputError when the kernel has no such symbol. */
export function addressOf(table: SymbolTable, name: string): Va {
  const symbol = table.byName.get(name);
  if (symbol === undefined) {
    throw new InputError(`System.map has no symbol '${name}'`, {
      remedy: 'use the System.map of the very kernel that ran, built with hibernation',
    });
  }
  return symbol.address;
}

/** The first of these names that the kernel has. */
export function addressOfAny(table: SymbolTable, names: readonly string[]): Va {
  return addressOf(table, names.find((name) => table.byName.has(name)) ?? names[0] ?? '');
}

/** The last symbol at or below `address` among those that name memory (not absolute ones), or undefined. */
export function symbolAt(table: SymbolTable, address: Va): { symbol: KernelSymbol; offset: number } | undefined {
  let low = 0;
  let high = table.symbols.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table.symbols[middle] as KernelSymbol).address <= address) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0; i--) {
    const symbol = table.symbols[i] as KernelSymbol;
    if (symbol.type.toLowerCase() !== 'a') return { symbol, offset: address - symbol.address };
  }
  return undefined;
}

/** `init_task+0x1c`, or undefined below the first symbol. */
export function nameAddress(table: SymbolTable, address: Va): string | undefined {
  const found = symbolAt(table, address);
  if (found === undefined) return undefined;
  return found.offset === 0 ? found.symbol.name : `${found.symbol.name}+0x${found.offset.toString(16)}`;
}
