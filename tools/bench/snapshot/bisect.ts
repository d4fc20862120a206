// SPDX-License-Identifier: MIT

/**
 * The largest whole number from `min` to `max` for which `holds` returns true; undefined when it is false for `min`.
 * `holds` must be true up to some number and false beyond it. It is called about log2(max - min) times.
 */
export async function largest(
  min: number,
  max: number,
  holds: (value: number) => Promise<boolean>,
): Promise<number | undefined> {
  if (!(await holds(min))) return undefined;
  let [good, bad] = [min, max + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (await holds(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
