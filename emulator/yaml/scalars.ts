// SPDX-License-Identifier: MIT
/** Shapes of single values. */
import { nearest } from './nearest.js';
import { describe, type Place, type Shape } from './shape.js';

/** Text; with `pattern`, the whole text must match it. */
export function text(wants = 'text', pattern?: RegExp): Shape<string> {
  return scalar(
    wants,
    (value) => (typeof value === 'string' && (pattern === undefined || pattern.test(value)) ? value : undefined),
    '',
  );
}

export function truth(): Shape<boolean> {
  return scalar('true or false', (value) => (typeof value === 'boolean' ? value : undefined), false);
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number, wants = `a whole number from ${min} to ${max}`): Shape<number> {
  return scalar(
    wants,
    (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
    min,
  );
}

/** One of a few words. */
export function word<W extends string>(...words: readonly [W, ...W[]]): Shape<W> {
  return name(words.length === 1 ? `'${words[0]}'` : `one of ${words.join(', ')}`, words);
}

/** One of a set of names that is too large to be listed in a message. */
export function name<N extends string>(wants: string, names: readonly [N, ...N[]]): Shape<N> {
  return {
    wants,
    read: (value, at) => {
      const found = names.find((one) => one === value);
      if (found === undefined) {
        const like = typeof value === 'string' ? nearest(value, names) : undefined;
        refuse(value, like === undefined ? wants : `${wants} (did you mean '${like}'?)`, at);
      }
      return found ?? names[0];
    },
  };
}

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A number of bytes with its unit: `64 MiB`, `512 B`. */
export function byteSize(): Shape<number> {
  return scalar(
    `a size such as '64 MiB' (${Object.keys(SIZE_UNITS).join(', ')})`,
    (value) => quantity(value, SIZE_UNITS),
    0,
  );
}

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A duration with its unit, in ms: `250 ms`, `5 s`, `8 h`. The bounds are written in the same way: `['1 ms', '1 d']`.
 */
export function duration(bounds?: readonly [min: string, max: string]): Shape<number> {
  const units = Object.keys(TIME_UNITS).join(', ');
  if (bounds === undefined)
    return scalar(`a duration such as '5 s' (${units})`, (value) => quantity(value, TIME_UNITS), 0);
  const [min = 0, max = Infinity] = bounds.map((bound) => quantity(bound, TIME_UNITS));
  return scalar(
    `a duration such as '5 s', from '${bounds[0]}' to '${bounds[1]}' (${units}),`,
    (value) => {
      const ms = quantity(value, TIME_UNITS);
      return ms !== undefined && ms >= min && ms <= max ? ms : undefined;
    },
    min,
  );
}

/** A whole number of ms as {@link duration} reads it, in the largest unit of which it is a whole number: `90 min`. */
export function writeDuration(ms: number): string {
  const [unit, size] = Object.entries(TIME_UNITS).findLast(([, one]) => ms >= one && ms % one === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}

/** A number with its unit, converted to the smallest unit; undefined when the result is no whole number. */
function quantity(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(value) : null;
  const unit = parts?.[2] === undefined || !Object.hasOwn(units, parts[2]) ? undefined : units[parts[2]];
  const result = unit === undefined ? NaN : Number(parts?.[1]) * unit;
  return Number.isSafeInteger(result) ? result : undefined;
}

/** A shape of a single value: `read` returns undefined for a value that is not allowed. */
export function scalar<T>(wants: string, read: (value: unknown) => T | undefined, placeholder: T): Shape<T> {
  return {
    wants,
    read: (value, at) => {
      const result = read(value);
      if (result === undefined) refuse(value, wants, at);
      return result ?? placeholder;
    },
  };
}

function refuse(value: unknown, wants: string, at: Place): void {
  const collection = typeof value === 'object';
  at.report(collection ? 'wrongType' : 'badValue', `${wants} is wanted here, not ${describe(value)}`);
}
