// SPDX-License-Identifier: MIT
/** Reads JSON that may come from anywhere. */

/** The value in `text`, or what is wrong with the text. */
export function parseJson(text: string): { readonly value: unknown } | { readonly problem: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `it is not JSON (${(error as Error).message})` };
  }
}
