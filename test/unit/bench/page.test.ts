// SPDX-License-Identifier: MIT
/** The result of the page's benchmark. */
import t from 'tap';
import { pageResult, renderPage } from '../../../tools/bench/page/result.js';

t.test('sizes and times with their aims', async (t) => {
  const good = pageResult(
    [{ promptMs: 4000, wireBytes: 14e6 }],
    [{ promptMs: 2500, wireBytes: 2000 }],
    [{ picturesPerSecond: 30, pictureMs: 2.5, share: 0.075 }],
    [{ wentMs: 1500 }],
  );
  t.same(good.met, { wireBytes: true, promptMs: true, picturesPerSecond: true, percent: true, backSeconds: true });
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
      '  30.0 pictures a second: aim at least 30: met',
      '  7.5 % of the time goes into them: aim at most 10: met',
      '  1.50 s (1.50 .. 1.50) to an instant of a minute: aim at most 2: met',
    ].join('\n'),
  );
  const bad = pageResult(
    [{ promptMs: 1, wireBytes: 15e6 + 1 }],
    [{ promptMs: 3001, wireBytes: 1 }],
    [{ picturesPerSecond: 29, pictureMs: 5, share: 0.145 }],
    [{ wentMs: 2001 }],
  );
  t.same(bad.met, { wireBytes: false, promptMs: false, picturesPerSecond: false, percent: false, backSeconds: false });
});
