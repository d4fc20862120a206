// SPDX-License-Identifier: MIT
/** What `b4 review` knows of a series, as far as it tells which patches are to be validated. */

export interface TrackedSeries {
  /**
   * Its commits for git, `A..B`: those on its branch since the commit that it is for. Patches that it needs before it are among them. The
   * last commit of the branch is left out: it is b4's own, and changes no file.
   */
  readonly range: string;
  /** Of the mail that stands for the series, without brackets. Empty if b4 does not tell. */
  readonly messageId: string;
}

/** The series that the JSON `text` is about; undefined when it does not tell where the commits are. */
export function trackedSeries(text: string): TrackedSeries | undefined {
  const series = fieldsOf(fieldsOf(parsed(text))['series']);
  const { 'base-commit': base, 'change-id': id } = series;
  // They become words for git.
  if (typeof base !== 'string' || !/^[0-9a-f]{7,64}$/.test(base)) return undefined;
  if (typeof id !== 'string' || !/^\w[\w./+-]*$/.test(id) || id.includes('..')) return undefined;
  const { msgid } = fieldsOf(series['header-info']);
  return { range: `${base}..refs/heads/b4/review/${id}~1`, messageId: typeof msgid === 'string' ? msgid : '' };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
