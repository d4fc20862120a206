// SPDX-License-Identifier: MIT
/** The result of the page's benchmark. */
import t from 'tap';
import { pageResult, renderPage } from '../../../tools/bench/page/result.js';

t.test('sizes and times with their aims', async (t) => {
  const good = pageResult({
    first: [{ promptMs: 4000, wireBytes: 14e6 }],
    warm: [{ promptMs: 2500, wireBytes: 2000 }],
    maps: [
      { framesPerSecond: 30, pictureMs: 2.5, watchedPerSecond: 100e6, alonePerSecond: 104e6 },
      { framesPerSecond: 30.2, pictureMs: 2.5, watchedPerSecond: 100e6, alonePerSecond: 110e6 },
      { framesPerSecond: 29, pictureMs: 2.5, watchedPerSecond: 98e6, alonePerSecond: 120e6 },
    ],
    back: [{ wentMs: 1500 }],
    places: [
      { title: 'boot', wentMs: 300 },
      { title: 'verify', wentMs: 1900 },
      { title: 'boot', wentMs: 500 },
      { title: 'verify', wentMs: 2100 },
    ],
    instants: [
      { title: '1.00 s', wentMs: 800 },
      { title: '2.00 s', wentMs: 1800 },
      { title: '1.00 s', wentMs: 1000 },
      { title: '2.00 s', wentMs: 2200 },
    ],
    both: { boot: { chromium: [3000], node: [3000] }, cycle: { chromium: [12_000], node: [10_000] } },
  });
  t.same(good.met, {
    wireBytes: true,
    promptMs: true,
    framesPerSecond: true,
    backSeconds: true,
    placeSeconds: true,
    instantSeconds: true,
  });
  t.equal(
    renderPage(good),
    [
      'Page: opened in headless Chromium, until its machine is at the prompt',
      '               over the wire                 prompt',
      '  -----------  -------------  ---------------------',
      '  first visit       14.00 MB  4.00 s (4.00 .. 4.00)',
      '  warm               0.00 MB  2.50 s (2.50 .. 2.50)',
      '  megabytes of a first visit: aim at most 15: met',
      '  seconds to the prompt when warm: aim at most 3: met',
      '  each picture of the memory map takes 2.5 ms',
      '  30.0 of them are drawn in a second: aim at least 30: met',
      '  the machine is 1.10 (1.04 .. 1.22) times as fast without them: aim at most 1.1: met',
      '  1.50 s (1.50 .. 1.50) to an instant of a minute: aim at most 2: met',
      'Page: to a place of a run that has been stepped through',
      '                            way',
      '  ------  ---------------------',
      '  boot    0.40 s (0.30 .. 0.50)',
      '  verify  2.00 s (1.90 .. 2.10)',
      '  seconds of the longest way: aim at most 2: met',
      'Page: to an instant of that run',
      '  1.40 s (0.80 .. 2.20) to one of 2 instants',
      '  2.00 s of the longest way: aim at most 2: met',
      'Page: in headless Chromium against Node',
      '                         Chromium                      Node  ratio',
      '  -----  ------------------------  ------------------------  -----',
      '  boot      3.00 s (3.00 .. 3.00)     3.00 s (3.00 .. 3.00)   1.00',
      '  cycle  12.00 s (12.00 .. 12.00)  10.00 s (10.00 .. 10.00)   1.20',
      '  boot, Chromium against Node: aim at most 1.2: met',
      '  cycle, Chromium against Node: aim at most 1.2: met',
    ].join('\n'),
  );
  const bad = pageResult({
    first: [{ promptMs: 1, wireBytes: 15e6 + 1 }],
    warm: [{ promptMs: 3001, wireBytes: 1 }],
    maps: [{ framesPerSecond: 29, pictureMs: 5, watchedPerSecond: 100e6, alonePerSecond: 111e6 }],
    back: [{ wentMs: 2001 }],
    places: [
      { title: 'boot', wentMs: 300 },
      { title: 'verify', wentMs: 2001 },
    ],
    instants: [
      { title: '1.00 s', wentMs: 100 },
      { title: '2.00 s', wentMs: 2001 },
    ],
    both: { boot: { chromium: [1300], node: [1000] }, cycle: { chromium: [1300], node: [1000] } },
  });
  t.same(bad.met, {
    wireBytes: false,
    promptMs: false,
    framesPerSecond: false,
    backSeconds: false,
    placeSeconds: false,
    instantSeconds: false,
  });
  t.equal(bad.both.cycle.verdict.met, false);
  t.same([good.map.slowdown.met, bad.map.slowdown.met], [true, false]);
});
