// SPDX-License-Identifier: MIT
/** Whether two values that consist of plain data and bytes are equal. */
import { equalBytes } from './bytes.js';

/** A field that is absent is equal to one that is undefined. Values that are not plain data are equal only to themselves. */
export function isAlike(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (one instanceof Uint8Array || other instanceof Uint8Array)
    return (
      one instanceof Uint8Array && other instanceof Uint8Array && (isSameView(one, other) || equalBytes(one, other))
    );
  if (Array.isArray(one) || Array.isArray(other))
    return (
      Array.isArray(one) &&
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((value, index) => isAlike(value, other[index]))
    );
  if (!isPlain(one) || !isPlain(other)) return false;
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((key) => isAlike(one[key], other[key]));
}

/** Large bytes are mostly the same ones, which need not be compared. */
const isSameView = (one: Uint8Array, other: Uint8Array): boolean =>
  one.buffer === other.buffer && one.byteOffset === other.byteOffset && one.length === other.length;

const isPlain = (value: object): value is Readonly<Record<string, unknown>> =>
  Object.getPrototypeOf(value) === Object.prototype;
