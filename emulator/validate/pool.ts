// SPDX-License-Identifier: MIT
/** Runs tasks side by side. */

/**
 * Runs `work` on each item, at most `size` at once, in the order of `items`. After a failure no other is begun, and those under way are
 * waited for, so that nothing goes on behind the caller's back.
 * @throws the first error.
 */
export async function inPool<T>(items: readonly T[], size: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined && errors.length === 0; item = waiting.shift()) {
      try {
        await work(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
