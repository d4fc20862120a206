// SPDX-License-Identifier: MIT
/** What a TAP stream comes to. */

/**
 * Counts the assertions of a TAP stream, which nests by four blanks; only those at the leaves count. `skips` says what was
 * skipped or left for later, with its reason. `status` is that of the program which wrote the stream.
 */
export function countTap(status, text) {
  const counts = { pass: 0, fail: 0, skip: 0, skips: [] };
  let deepest = -1;
  for (const line of text.split('\n')) {
    const point = /^((?: {4})*)(not )?ok\b(.*)$/.exec(line);
    if (!point) continue;
    const depth = point[1].length / 4;
    // The point that closes a subtest stands right after it, one level above its last point.
    const closes = depth < deepest;
    deepest = depth;
    // In a description such a mark is escaped.
    const directive = /(?<!\\)# (?:SKIP|TODO)\b/i.test(point[3]);
    if (closes && point[2] === undefined) continue;
    if (closes && counts.fail > 0) continue;
    if (directive) {
      counts.skip++;
      counts.skips.push(point[3].replace(/^ *\d* *-? */, ''));
    } else if (point[2] === undefined) counts.pass++;
    else counts.fail++;
  }
  // A failure that shows in no point: a file that could not be read, a crash, coverage that cannot be written.
  if (status !== 0 && counts.fail === 0) counts.fail = 1;
  return counts;
}

/** Adds counts to a total. */
export function addCounts(total, more) {
  for (const key of ['pass', 'fail', 'skip']) total[key] += more[key];
  total.skips.push(...more.skips);
}
